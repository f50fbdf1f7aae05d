/**
 * The datapath's memory of a cluster with any number of real servers, driven by frames, and its books checked against
 * a recount.
 *
 * @module
 */

import assert from "node:assert/strict";
import { SourceLimits } from "../../datapath/admission.ts";
import { isActive, State } from "../../datapath/connection_state.ts";
import type { ConnectionTable } from "../../datapath/connection_table.ts";
import { Destinations } from "../../datapath/destinations.ts";
import { Forwarder } from "../../datapath/forward.ts";
import { ForwardingTable } from "../../datapath/forwarding_table.ts";
import { FragmentTable } from "../../datapath/fragment_table.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { IdentityRegistry } from "../../datapath/identity_registry.ts";
import { KeyedHash } from "../../datapath/keyed_hash.ts";
import type { ServiceData } from "../../datapath/messages.ts";
import { type NeighborId, NeighborTable } from "../../datapath/neighbor_table.ts";
import { RandomNumbers } from "../../datapath/random_numbers.ts";
import { ConnectionScheduler } from "../../datapath/schedule.ts";
import { SendQueue, SPARE_SLOTS } from "../../datapath/send_queue.ts";
import { Verdict } from "../../datapath/verdict.ts";
import { ipv4FromText, ipv4ToText, macFromText } from "../../model/ip_address.ts";
import { tcpFrame, udpFrame } from "./frame_builder.ts";
import { MemoryPort } from "./memory_port.ts";
import { entriesOf, type Entry, tableOf } from "./table_entries.ts";
import { CLIENT_MAC, DIRECTOR, DIRECTOR_MAC, MTU, server, service, VIP } from "./test_network.ts";

export const TCP = 6;
export const UDP = 17;
const TEMPLATE_PROTOCOL = 0xff;
const SERVER_MAC_HIGH = 0x0200;

/** Real server `number` of the cluster. */
export function serverAddress(number: number): string {
  return `192.0.2.${20 + number}`;
}

/** A destination with the defaults of the configuration. */
export function destination(
  number: number,
  changes: Partial<ServiceData["destinations"][number]> = {},
): ServiceData["destinations"][number] {
  return { ...server(false, serverAddress(number)), ...changes };
}

/** A TCP service on port 80 with two servers. */
export function web(changes: Partial<ServiceData> = {}): ServiceData {
  return service(TCP, 80, { destinations: [destination(1), destination(2)], ...changes });
}

export interface Packet {
  /** @default 198.51.100.1 */
  readonly client?: string;
  /** @default 40,000 */
  readonly clientPort?: number;
  /** @default 80 */
  readonly port?: number;
  /** TCP flags; `null` for UDP. */
  readonly flags: number | null;
  readonly vip?: string;
}

/** What became of a packet: the number of the real server it went to, or the name of another verdict. */
export type Fate = number | keyof typeof Verdict;

export class Cluster {
  readonly destinations = new Destinations();
  readonly connections: ConnectionTable;
  readonly registry = new IdentityRegistry(new Uint8Array(IdentityRegistry.BYTES));
  readonly limits = new SourceLimits(new KeyedHash(Uint32Array.of(5, 6)));
  readonly random = new RandomNumbers();
  readonly neighbors = new NeighborTable([{ address: DIRECTOR, prefixLength: 24 }], () => {});
  scheduler: ConnectionScheduler;
  /** Addresses whose MAC is not known. */
  readonly unresolved = new Set<string>();
  /** Those of them that were asked for just now. */
  readonly sought = new Set<string>();
  readonly #ring = new FrameRing(1 + SPARE_SLOTS);
  readonly #forwarder: Forwarder;
  table: ForwardingTable;
  nowMs = 10_000;

  constructor(services: readonly ServiceData[], maxConnections = 100) {
    this.connections = tableOf(maxConnections);
    this.table = this.#tableOf(services, null);
    this.scheduler = this.#makeScheduler();
    const { high, low } = macFromText(DIRECTOR_MAC);
    this.#forwarder = new Forwarder({
      ring: this.#ring,
      queue: new SendQueue(new MemoryPort(), this.#ring, 1),
      fragments: new FragmentTable(new KeyedHash(Uint32Array.of(1, 2))),
      local: { macHigh: high, macLow: low, mtu: MTU },
      uplinks: [],
      connections: this.connections,
      destinations: this.destinations,
      neighbors: this.neighbors,
      scheduler: this.scheduler,
    }, this.table);
    this.#forwarder.allowAnswers(Infinity);
  }

  /** Uses other services from now on. */
  adopt(...services: readonly ServiceData[]): void {
    this.table = this.#tableOf(services, this.table);
    this.scheduler.adopt(this.table);
    this.#forwarder.adopt(this.table);
  }

  /** Does to the memory what another process does that has adopted it. */
  restart(): void {
    this.scheduler = this.#makeScheduler();
  }

  send({ client = "198.51.100.1", clientPort = 40_000, port = 80, flags, vip = VIP }: Packet): Fate {
    const fields = {
      from: CLIENT_MAC,
      to: DIRECTOR_MAC,
      source: client,
      destination: vip,
      sourcePort: clientPort,
      destinationPort: port,
    };
    const frame = flags === null ? udpFrame(fields) : tcpFrame({ ...fields, flags });
    this.#ring.frames[0]!.set(frame);
    this.#ring.lengths[0] = frame.length;
    const verdict = this.#forwarder.forwardFrame(0, this.nowMs);
    if (verdict !== Verdict.Forwarded) {
      return Object.entries(Verdict).find(([, number]) => number === verdict)![0] as keyof typeof Verdict;
    }
    const address = ipv4ToText(
      new DataView(this.#ring.frames[0]!.buffer, this.#ring.frames[0]!.byteOffset).getUint32(2),
    );
    return Number(address.split(".")[3]) - 20;
  }

  /** Lets time pass and sweeps the whole table. */
  pass(milliseconds: number): void {
    this.nowMs += milliseconds;
    this.connections.sweep(this.nowMs, this.connections.slotCount, this.scheduler);
  }

  entries(): Entry[] {
    return entriesOf(this.connections);
  }

  templates(): Entry[] {
    return this.entries().filter(({ state }) => state === State.Template);
  }

  /** Counts of real server `number` in the service on `port`. */
  counts(number: number, serviceIndex = 0): { active: number; inactive: number; templates: number } {
    const identity = this.identityOf(number, serviceIndex);
    const { active, inactive, templates } = this.destinations;
    return { active: active[identity]!, inactive: inactive[identity]!, templates: templates[identity]! };
  }

  identityOf(number: number, serviceIndex = 0): number {
    const { set, identities } = this.table.services[serviceIndex]!;
    return identities[set.ids.indexOf(serverAddress(number))]!;
  }

  /** Fails unless every count is what a recount of the table gives. */
  assertBooks(): void {
    const entries = this.entries();
    const expected = (identity: number) => {
      const own = entries.filter((entry) => entry.destination === identity);
      const connections = own.filter(({ state }) => state !== State.Template);
      return {
        active: connections.filter(({ state }) => isActive(state)).length,
        inactive: connections.filter(({ state }) => !isActive(state)).length,
        templates: own.length - connections.length,
      };
    };
    const { active, inactive, templates } = this.destinations;
    for (let identity = 1; this.registry.textOf(identity) !== undefined; identity++) {
      const counts = {
        active: active[identity],
        inactive: inactive[identity],
        templates: templates[identity],
      };
      assert.deepEqual(counts, expected(identity), this.registry.textOf(identity));
      const isNamed = entries.some(({ destination, owner }) =>
        destination === identity || owner === identity
      );
      assert.equal(this.destinations.isReferred(identity), isNamed, this.registry.textOf(identity));
    }
    for (const { set, identities } of this.table.services) {
      identities.forEach((identity, index) => {
        assert.equal(set.active[index], active[identity]);
        assert.equal(set.inactive[index], inactive[identity]);
      });
    }
    assert.ok(this.connections.used <= this.connections.maximum);
    for (const entry of this.templates()) this.#assertHolders(entry, entries);
  }

  /** No template may be held by more connections than there are: it would never go. */
  #assertHolders(template: Entry, entries: readonly Entry[]): void {
    const holders = entries.filter(({ protocol, holdsTemplate, destination }) =>
      protocol !== TEMPLATE_PROTOCOL && holdsTemplate && destination === template.destination
    );
    assert.ok(template.ports <= holders.length, `${template.ports} holders of ${holders.length}`);
  }

  #makeScheduler(): ConnectionScheduler {
    return new ConnectionScheduler(this.connections, this.destinations, this.table, this.limits);
  }

  #tableOf(services: readonly ServiceData[], before: ForwardingTable | null): ForwardingTable {
    const generation = (before?.generation ?? 0) + 1;
    const context = {
      destinations: this.destinations,
      registry: this.registry,
      hashKey: Uint32Array.of(1, 2, 3, 4),
      random: () => this.random.next(),
      macOf: ({ address }: NeighborId) =>
        this.unresolved.has(address) ? null : { high: SERVER_MAC_HIGH, low: ipv4FromText(address) },
      isSought: ({ address }: NeighborId) => this.sought.has(address),
    };
    return new ForwardingTable({ generation, services }, context, before);
  }
}
