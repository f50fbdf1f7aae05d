/**
 * The datapath's own parts, put together as its Worker does, between a memory port and a network that tests agree on.
 *
 * @module
 */

import { SourceLimits } from "../../datapath/admission.ts";
import { ConnectionTable } from "../../datapath/connection_table.ts";
import { Destinations } from "../../datapath/destinations.ts";
import { BATCH_FRAMES, Engine } from "../../datapath/engine.ts";
import { Forwarder } from "../../datapath/forward.ts";
import type { FrameExit, FramePort } from "../../datapath/frame_port.ts";
import { FragmentTable } from "../../datapath/fragment_table.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { type ForwardingContext, ForwardingTable } from "../../datapath/forwarding_table.ts";
import { IdentityRegistry } from "../../datapath/identity_registry.ts";
import { KeyedHash } from "../../datapath/keyed_hash.ts";
import type { ServiceData } from "../../datapath/messages.ts";
import type { LocalInterface } from "../../datapath/local_interface.ts";
import { type NeighborChange, type NeighborId, NeighborTable, Sign } from "../../datapath/neighbor_table.ts";
import { ConnectionScheduler } from "../../datapath/schedule.ts";
import { SendQueue, SPARE_SLOTS } from "../../datapath/send_queue.ts";
import type { HELD, Verdict } from "../../datapath/verdict.ts";
import { UNTAGGED } from "../../datapath/wire/ethernet.ts";
import { addressWords, familyOf, macFromText, macToText } from "../../model/ip_address.ts";
import { sentFrame } from "./memory_port.ts";
import type { SentFrame } from "./memory_port.ts";

export const VIP = "192.0.2.10";
export const CLIENT = "198.51.100.7";
export const DIRECTOR = "192.0.2.2";
export const SERVER = "192.0.2.21";
export const UNKNOWN_SERVER = "192.0.2.29";

export const VIP6 = "2001:db8::10";
export const CLIENT6 = "2001:db8:1::7";
export const DIRECTOR6 = "fe80::2";
export const SERVER6 = "2001:db8::21";
export const UNKNOWN_SERVER6 = "2001:db8::29";

/** VIPs in {@linkcode VLAN}. */
export const TAGGED_VIP = "192.0.2.12";
export const TAGGED_VIP6 = "2001:db8::12";
export const VLAN = 7;
export const OTHER_VLAN = 8;

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
  /** Of services whose real server is in {@linkcode OTHER_VLAN}. */
  WEB_ELSEWHERE: 90,
  DNS_ELSEWHERE: 91,
  /** Of services whose real server is in no VLAN. */
  WEB_UNTAGGED: 92,
} as const;

const TCP = 6;
const UDP = 17;

/** A service with the defaults of the configuration and one real server, of the VIP's family and in its VLAN. */
export function service(protocol: number, port: number, changes: Partial<ServiceData> = {}): ServiceData {
  const { vip = VIP, vlan = null } = changes;
  return {
    name: `service-${port}`,
    vip,
    vlan,
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
    allow: [],
    deny: [],
    newConnectionsPerSource: 0,
    isSettling: false,
    destinations: [server(false, familyOf(vip) === 4 ? SERVER : SERVER6, vlan)],
    ...changes,
  };
}

export function server(
  isDown = false,
  address = SERVER,
  vlan: number | null = null,
): ServiceData["destinations"][number] {
  return { address, vlan, egress: 0, weight: 1, isDown, maxConnections: 0, minConnections: 0 };
}

/** The services of a VIP without anything unusual about its VLAN. */
function servicesOf(vip: string): readonly ServiceData[] {
  const address = familyOf(vip) === 4 ? SERVER : SERVER6;
  const down = { vip, destinations: [server(true, address)] };
  return [
    service(TCP, Port.WEB, { vip }),
    service(TCP, Port.DROPS_UNKNOWN, { vip, unknown: "drop" }),
    service(TCP, Port.SCHEDULES_UNKNOWN, { vip, unknown: "schedule", scheduler: "sh" }),
    service(TCP, Port.ALL_DOWN, down),
    service(TCP, Port.SETTLING, { ...down, isSettling: true }),
    service(TCP, Port.DROPS_LOST, { vip, onServerLoss: "drop" }),
    service(UDP, Port.DNS, { vip }),
    service(UDP, Port.ONE_PACKET, { vip, onePacket: true }),
    service(UDP, Port.DNS_ALL_DOWN, down),
  ];
}

/** The services of a VIP whose real servers are in other VLANs than itself. */
function servicesElsewhere(vip: string, vlan: number | null): readonly ServiceData[] {
  const address = familyOf(vip) === 4 ? SERVER : SERVER6;
  const elsewhere = { vip, vlan, destinations: [server(false, address, OTHER_VLAN)] };
  return [
    service(TCP, Port.WEB_ELSEWHERE, elsewhere),
    service(UDP, Port.DNS_ELSEWHERE, elsewhere),
    service(TCP, Port.WEB_UNTAGGED, { ...elsewhere, destinations: [server(false, address)] }),
  ];
}

export const SERVICES: readonly ServiceData[] = [
  ...servicesOf(VIP),
  ...servicesOf(VIP6),
  ...servicesElsewhere(VIP, null),
  ...[TAGGED_VIP, TAGGED_VIP6].flatMap((vip) => [
    service(TCP, Port.WEB, { vip, vlan: VLAN }),
    service(UDP, Port.DNS, { vip, vlan: VLAN }),
    ...servicesElsewhere(vip, VLAN),
  ]),
];

/** Every real server in every VLAN that one of the services has one in. */
const NEIGHBORS: readonly NeighborId[] = [SERVER, UNKNOWN_SERVER, SERVER6, UNKNOWN_SERVER6].flatMap((
  address,
) => [UNTAGGED, VLAN, OTHER_VLAN].map((vlan) => ({ address, vlan })));

export interface NetworkOptions {
  readonly port: FramePort;
  /** A second interface, which real servers with an `egress` of 1 are reached by. */
  readonly uplink?: { readonly local: LocalInterface; readonly exit: FrameExit };
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
  readonly limits = new SourceLimits(new KeyedHash(Uint32Array.of(5, 6)));
  readonly scheduler: ConnectionScheduler;
  readonly forwarder: Forwarder;
  readonly engine: Engine;
  readonly changes: NeighborChange[] = [];
  readonly #context: ForwardingContext;
  #table: ForwardingTable;

  /** A director that knows {@linkcode SERVER} and not {@linkcode UNKNOWN_SERVER}. */
  constructor(
    { port, uplink, services = SERVICES, maxConnections = 1_000, onTick = () => {} }: NetworkOptions,
  ) {
    // What a forgotten field leaves behind must not look like a field.
    this.ring.arena.fill(0xa5);
    this.neighbors = new NeighborTable(
      [{ address: DIRECTOR, prefixLength: 24 }, { address: DIRECTOR6, prefixLength: 64 }],
      (change) => this.#neighborChanged(change),
    );
    this.#context = {
      destinations: this.destinations,
      registry: new IdentityRegistry(new Uint8Array(IdentityRegistry.BYTES)),
      hashKey: Uint32Array.of(1, 2, 3, 4),
      random: () => 4,
      macOf: ({ address, vlan }) => this.neighbors.macOf(address, vlan),
      isSought: ({ address, vlan }, nowMs) => this.neighbors.isSought(address, vlan, nowMs),
    };
    this.connections = new ConnectionTable(
      new Uint32Array(ConnectionTable.bytesFor(maxConnections) / 4),
      maxConnections,
      new KeyedHash(Uint32Array.of(0xdeadbeef, 0xfeedface)),
    );
    this.#table = this.#tableOf(services, null);
    this.scheduler = new ConnectionScheduler(
      this.connections,
      this.destinations,
      this.#table,
      this.limits,
    );
    const { high, low } = macFromText(DIRECTOR_MAC);
    const uplinks = uplink === undefined ? [] : [uplink];
    this.queue = new SendQueue(port, this.ring, BATCH_FRAMES, uplinks.map(({ exit }) => exit));
    this.forwarder = new Forwarder({
      ring: this.ring,
      queue: this.queue,
      fragments: new FragmentTable(new KeyedHash(Uint32Array.of(1, 2))),
      local: { macHigh: high, macLow: low, mtu: MTU },
      uplinks: uplinks.map(({ local }) => local),
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
    this.forgetServers(0);
    this.learnServer(0);
  }

  /** Uses other services from the next frame on. */
  adopt(services: readonly ServiceData[]): void {
    this.#table = this.#tableOf(services, this.#table);
    this.scheduler.adopt(this.#table);
    this.forwarder.adopt(this.#table);
  }

  /** What it forwards by. */
  get table(): ForwardingTable {
    return this.#table;
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

  /** Tells the director the MAC of {@linkcode SERVER} and {@linkcode SERVER6}, which is one, in every VLAN. */
  learnServer(nowMs: number): void {
    const { high, low } = macFromText(SERVER_MAC);
    for (const { address, vlan } of NEIGHBORS) {
      if (address === UNKNOWN_SERVER || address === UNKNOWN_SERVER6) continue;
      const [a, b, c, d] = addressWords(address);
      this.neighbors.heard(vlan, a | 0, b | 0, c | 0, d | 0, high, low, Sign.UNASKED, nowMs);
    }
  }

  /** Makes the director give up the MAC of the real servers. */
  loseServer(): void {
    for (let nowMs = 30_000; this.neighbors.macOf(SERVER, UNTAGGED) !== null; nowMs += 1_000) {
      this.neighbors.due(nowMs, 10);
    }
  }

  /** Makes the director know nothing of the real servers but their addresses. */
  forgetServers(nowMs: number): void {
    this.neighbors.reconcile([], nowMs);
    this.neighbors.reconcile(NEIGHBORS, nowMs);
  }

  /** MACs of all real servers that are known, in any VLAN. */
  serverMacs(): string[] {
    return NEIGHBORS.map(({ address, vlan }) => this.neighbors.macOf(address, vlan)).filter((mac) =>
      mac !== null
    )
      .map(macToText);
  }

  #tableOf(services: readonly ServiceData[], before: ForwardingTable | null): ForwardingTable {
    const generation = (before?.generation ?? 0) + 1;
    return new ForwardingTable({ generation, services }, this.#context, before);
  }

  #neighborChanged(change: NeighborChange): void {
    this.changes.push(change);
    this.#table.neighborChanged(change);
    this.#table.reviseSchedulers(0);
  }
}
