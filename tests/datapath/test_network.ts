/**
 * The datapath's own parts, put together as its Worker does, between a memory port and a network that tests agree on.
 *
 * @module
 */

import { ConnectionTable } from "../../datapath/connection_table.ts";
import { Destinations } from "../../datapath/destinations.ts";
import { BATCH_FRAMES, Engine } from "../../datapath/engine.ts";
import { Forwarder } from "../../datapath/forward.ts";
import type { FramePort } from "../../datapath/frame_port.ts";
import { FragmentTable } from "../../datapath/fragment_table.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { type ForwardingContext, ForwardingTable } from "../../datapath/forwarding_table.ts";
import { IdentityRegistry } from "../../datapath/identity_registry.ts";
import { KeyedHash } from "../../datapath/keyed_hash.ts";
import type { ServiceData } from "../../datapath/messages.ts";
import { type NeighborChange, NeighborTable } from "../../datapath/neighbor_table.ts";
import { ConnectionScheduler } from "../../datapath/schedule.ts";
import { SendQueue, SPARE_SLOTS } from "../../datapath/send_queue.ts";
import type { HELD, Verdict } from "../../datapath/verdict.ts";
import { ipv4FromText, macFromText } from "../../model/ip_address.ts";
import { sentFrame } from "./memory_port.ts";
import type { SentFrame } from "./memory_port.ts";

export const VIP = "192.0.2.10";
export const CLIENT = "198.51.100.7";
export const DIRECTOR = "192.0.2.2";
export const SERVER = "192.0.2.21";
export const UNKNOWN_SERVER = "192.0.2.29";

export const CLIENT_MAC = "00:00:5e:00:53:64";
/** Of both, the last four bytes are above 2^31 as a number, as in half of all MACs. */
export const DIRECTOR_MAC = "02:00:ca:fe:53:02";
export const SERVER_MAC = "00:00:de:ad:53:15";

export const MTU = 1500;

/** Ports of the services of {@linkcode SERVICES}. */
export const Port = {
  WEB: 80,
  DROPS_UNKNOWN: 81,
  SCHEDULES_UNKNOWN: 82,
  ALL_DOWN: 83,
  SETTLING: 84,
  DROPS_LOST: 85,
  DNS: 53,
  ONE_PACKET: 54,
  DNS_ALL_DOWN: 55,
} as const;

const TCP = 6;
const UDP = 17;

/** A service with the defaults of the configuration and one real server. */
export function service(protocol: number, port: number, changes: Partial<ServiceData> = {}): ServiceData {
  return {
    name: `service-${port}`,
    vip: VIP,
    protocol,
    ports: [{ first: port, last: port }],
    scheduler: "rr",
    schedulerOptions: [],
    persistenceMs: 0,
    persistencePrefix: 32,
    persistToQuiesced: false,
    onePacket: false,
    establishedMs: 900_000,
    finMs: 120_000,
    udpMs: 300_000,
    onServerLoss: "reset",
    unknown: "reset",
    isSettling: false,
    destinations: [server()],
    ...changes,
  };
}

export function server(isDown = false, address = SERVER): ServiceData["destinations"][number] {
  return { address, weight: 1, isDown, maxConnections: 0, minConnections: 0 };
}

export const SERVICES: readonly ServiceData[] = [
  service(TCP, Port.WEB),
  service(TCP, Port.DROPS_UNKNOWN, { unknown: "drop" }),
  service(TCP, Port.SCHEDULES_UNKNOWN, { unknown: "schedule", scheduler: "sh" }),
  service(TCP, Port.ALL_DOWN, { destinations: [server(true)] }),
  service(TCP, Port.SETTLING, { destinations: [server(true)], isSettling: true }),
  service(TCP, Port.DROPS_LOST, { onServerLoss: "drop" }),
  service(UDP, Port.DNS),
  service(UDP, Port.ONE_PACKET, { onePacket: true }),
  service(UDP, Port.DNS_ALL_DOWN, { destinations: [server(true)] }),
];

export interface NetworkOptions {
  readonly port: FramePort;
  /** @default {@linkcode SERVICES} */
  readonly services?: readonly ServiceData[];
  /** @default 1,000 */
  readonly maxConnections?: number;
  /** @default nothing happens */
  readonly onTick?: (nowMs: number) => void;
}

export class TestNetwork {
  readonly ring = new FrameRing(BATCH_FRAMES + SPARE_SLOTS);
  readonly queue: SendQueue;
  readonly destinations = new Destinations();
  readonly neighbors: NeighborTable;
  readonly connections: ConnectionTable;
  readonly scheduler: ConnectionScheduler;
  readonly forwarder: Forwarder;
  readonly engine: Engine;
  readonly changes: NeighborChange[] = [];
  readonly #context: ForwardingContext;
  #table: ForwardingTable;

  /** A director that knows {@linkcode SERVER} and not {@linkcode UNKNOWN_SERVER}. */
  constructor({ port, services = SERVICES, maxConnections = 1_000, onTick = () => {} }: NetworkOptions) {
    // What a forgotten field leaves behind must not look like a field.
    this.ring.arena.fill(0xa5);
    this.neighbors = new NeighborTable(
      [{ address: DIRECTOR, prefixLength: 24 }],
      (change) => this.#neighborChanged(change),
    );
    this.#context = {
      destinations: this.destinations,
      registry: new IdentityRegistry(new Uint8Array(IdentityRegistry.BYTES)),
      hashKey: Uint32Array.of(1, 2, 3, 4),
      random: () => 4,
      isResolved: (address) => this.neighbors.macOf(address) !== null,
    };
    this.connections = new ConnectionTable(
      new Uint32Array(ConnectionTable.bytesFor(maxConnections) / 4),
      maxConnections,
      new KeyedHash(Uint32Array.of(0xdeadbeef, 0xfeedface)),
    );
    this.#table = this.#tableOf(services, null);
    this.scheduler = new ConnectionScheduler(this.connections, this.destinations, this.#table);
    const { high, low } = macFromText(DIRECTOR_MAC);
    this.queue = new SendQueue(port, this.ring, BATCH_FRAMES);
    this.forwarder = new Forwarder({
      ring: this.ring,
      queue: this.queue,
      fragments: new FragmentTable(new KeyedHash(Uint32Array.of(1, 2))),
      local: { macHigh: high, macLow: low, mtu: MTU },
      connections: this.connections,
      destinations: this.destinations,
      neighbors: this.neighbors,
      scheduler: this.scheduler,
    }, this.#table);
    this.forwarder.allowAnswers(Infinity);
    this.engine = new Engine({
      port,
      ring: this.ring,
      queue: this.queue,
      forwarder: this.forwarder,
      connections: this.connections,
      scheduler: this.scheduler,
      onTick,
    });
    this.neighbors.reconcile(new Set([SERVER, UNKNOWN_SERVER]), 0);
    this.learnServer(0);
  }

  /** Uses other services from the next frame on. */
  adopt(services: readonly ServiceData[]): void {
    this.#table = this.#tableOf(services, this.#table);
    this.scheduler.adopt(this.#table);
    this.forwarder.adopt(this.#table);
  }

  /** Lets a frame in at `slot` and returns what became of it. */
  forward(
    frame: Uint8Array,
    nowMs = 0,
    slot = 1,
  ): { readonly verdict: Verdict | typeof HELD; readonly out: SentFrame } {
    this.ring.frames[slot]!.set(frame);
    this.ring.lengths[slot] = frame.length;
    const verdict = this.forwarder.forwardFrame(slot, nowMs);
    return { verdict, out: sentFrame(this.ring, slot) };
  }

  /** Tells the director the MAC of {@linkcode SERVER}. */
  learnServer(nowMs: number): void {
    const { high, low } = macFromText(SERVER_MAC);
    this.neighbors.heard(ipv4FromText(SERVER), high, low, nowMs);
  }

  /** Makes the director give up the MAC of {@linkcode SERVER}. */
  loseServer(): void {
    for (let nowMs = 30_000; this.neighbors.macOf(SERVER) !== null; nowMs += 1_000) {
      this.neighbors.due(nowMs, 10);
    }
  }

  #tableOf(services: readonly ServiceData[], before: ForwardingTable | null): ForwardingTable {
    const generation = (before?.generation ?? 0) + 1;
    return new ForwardingTable({ generation, services }, this.#context, before);
  }

  #neighborChanged(change: NeighborChange): void {
    this.changes.push(change);
    const mac = this.neighbors.macOf(change.address);
    for (const { set, identities } of this.#table.services) {
      set.ids.forEach((address, index) => {
        if (address !== change.address) return;
        this.destinations.macHigh[identities[index]!] = mac?.high ?? 0;
        this.destinations.macLow[identities[index]!] = mac?.low ?? 0;
      });
    }
    this.#table.neighborChanged(change.address);
  }
}
