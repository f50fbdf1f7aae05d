/**
 * Lets a packet through the code that forwards frames, with copies of whatever a frame can change, and with a scheduler
 * that is put back afterwards: nothing is sent, counted or remembered.
 *
 * @module
 */

import type { Decision, FrameSent } from "../model/explanation.ts";
import { macToText } from "../model/ip_address.ts";
import type { SourceLimits } from "./admission.ts";
import { State } from "./connection_state.ts";
import {
  type ConnectionLedger,
  ConnectionTable,
  HOLDS_TEMPLATE,
  keyWord,
  NONE,
  TEMPLATE_PROTOCOL,
} from "./connection_table.ts";
import { Destinations } from "./destinations.ts";
import { type FirstPacket, putFirstPacket } from "./first_packet.ts";
import { Forwarder } from "./forward.ts";
import type { ForwardingTable, Service } from "./forwarding_table.ts";
import { FragmentTable } from "./fragment_table.ts";
import type { FrameExit } from "./frame_port.ts";
import { FrameRing } from "./frame_ring.ts";
import { KeyedHash } from "./keyed_hash.ts";
import type { LocalInterface } from "./local_interface.ts";
import { NeighborTable } from "./neighbor_table.ts";
import type { RandomNumbers } from "./random_numbers.ts";
import { ConnectionScheduler } from "./schedule.ts";
import { SendQueue, SPARE_SLOTS } from "./send_queue.ts";
import { HELD, LAST_SENT, Verdict, VERDICTS } from "./verdict.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as vlanTag from "./wire/vlan.ts";

/** Slots of the connection table with what a packet finds there; each may be `NONE`. */
export interface ConcernedEntries {
  readonly connection: number;
  readonly template: number;
}

/** What is copied, or put back. */
export interface RehearsalParts {
  readonly local: LocalInterface;
  readonly uplinks: readonly LocalInterface[];
  readonly connections: ConnectionTable;
  readonly destinations: Destinations;
  readonly limits: SourceLimits;
  readonly random: RandomNumbers;
}

const SLOT = 0;
/** Room for all that one packet concerns: its connection, its template, and those it makes. */
const CONNECTIONS = 8;

const NOWHERE: FrameExit = { transmit: () => {} };
const NOBODY: ConnectionLedger = { released: () => {}, prolonged: () => false };
/** Of no VIP: identities begin at 1. */
const NO_IDENTITY = 0;

/** A datapath of its own, which takes 5 MB and some ten milliseconds to make, and less than one to use. */
export class Rehearsal {
  readonly #parts: RehearsalParts;
  readonly #ring = new FrameRing(1 + SPARE_SLOTS);
  readonly #destinations = new Destinations();
  readonly #connections = new ConnectionTable(
    new Uint32Array(ConnectionTable.bytesFor(CONNECTIONS) / Uint32Array.BYTES_PER_ELEMENT),
    CONNECTIONS,
    new KeyedHash(new Uint32Array(2)),
  );
  readonly #limits: SourceLimits;
  readonly #scheduler: ConnectionScheduler;
  readonly #forwarder: Forwarder;

  constructor(parts: RehearsalParts, table: ForwardingTable) {
    this.#parts = parts;
    this.#limits = parts.limits.copy();
    this.#scheduler = new ConnectionScheduler(this.#connections, this.#destinations, table, this.#limits);
    this.#forwarder = new Forwarder({
      ring: this.#ring,
      local: parts.local,
      uplinks: parts.uplinks,
      connections: this.#connections,
      destinations: this.#destinations,
      // No packet for a VIP says anything about a neighbour.
      neighbors: new NeighborTable([], () => {}),
      scheduler: this.#scheduler,
      fragments: new FragmentTable(new KeyedHash(new Uint32Array(2))),
      queue: new SendQueue(NOWHERE, this.#ring, 1),
    }, table);
  }

  /**
   * Takes a packet as if it came now.
   *
   * @param service The one it is for, if any.
   */
  run(
    table: ForwardingTable,
    service: Service | null,
    entries: ConcernedEntries,
    packet: FirstPacket,
    nowMs: number,
  ): Pick<Decision, "verdict" | "sent"> {
    const putBackCounts = service === null ? null : saveCounts(service);
    const putBackScheduler = service?.scheduler.save?.();
    try {
      this.#prepare(table, service, entries, packet);
      putFirstPacket(this.#ring, SLOT, this.#parts.local, packet);
      const verdict = this.#parts.random.rehearse(() => this.#forwarder.forwardFrame(SLOT, nowMs));
      // Only fragments are ever held.
      const { name, meaning } = VERDICTS[verdict === HELD ? Verdict.DroppedFragment : verdict]!;
      return { verdict: { name, meaning }, sent: verdict <= LAST_SENT ? this.#frameSent(service) : null };
    } finally {
      putBackScheduler?.();
      putBackCounts?.();
    }
  }

  #prepare(
    table: ForwardingTable,
    service: Service | null,
    entries: ConcernedEntries,
    packet: FirstPacket,
  ): void {
    const { connections, destinations, limits } = this.#parts;
    const memory = this.#connections;
    for (let slot = memory.nextUsed(0); slot !== NONE; slot = memory.nextUsed(0)) memory.remove(slot, NOBODY);
    const copies = this.#destinations;
    copies.imitate(
      destinations,
      service === null
        ? null
        : { service: table.services.indexOf(service), set: service.set, identities: service.identities },
    );
    copies.packets.fill(0);
    if (service !== null && service.data.newConnectionsPerSource > 0) limits.copyTo(this.#limits);
    this.#scheduler.adopt(table);
    this.#forwarder.adopt(table);
    this.#forwarder.allowAnswers(1);
    const client = new Uint32Array(4);
    for (const slot of [entries.connection, entries.template]) {
      if (slot === NONE) continue;
      const state = connections.state(slot);
      connections.readClient(slot, client);
      memory.insert(
        client,
        connections.ports(slot),
        connections.key(slot),
        connections.destination(slot),
        connections.holdsTemplate(slot) ? state | HOLDS_TEMPLATE : state,
        connections.remainingMs(slot, 0),
        NOBODY,
      );
    }
    if (service !== null) this.#fill(roomFor(connections, service, entries, packet));
  }

  /** Leaves room for so many more connections as the real table has: the others stay, whatever comes. */
  #fill(room: number): void {
    const memory = this.#connections;
    const client = new Uint32Array(4);
    for (let number = 1; memory.used < CONNECTIONS - room; number++) {
      memory.insert(
        client,
        number,
        keyWord(NO_IDENTITY, ipv4.Protocol.TCP),
        NO_IDENTITY,
        State.Established,
        0,
        NOBODY,
      );
    }
  }

  /** What is in the slot, as it would be sent. */
  #frameSent(service: Service | null): FrameSent {
    const frame = this.#ring.view;
    const at = this.#ring.startOf(SLOT);
    const isTagged = ethernet.etherType(frame, at) === ethernet.EtherType.VLAN;
    const ip = at + ethernet.HEADER_BYTES + (isTagged ? ethernet.TAG_BYTES : 0);
    // Whose books the frame is in: several addresses may share a MAC.
    const server = service?.identities.findIndex((identity) => this.#destinations.packets[identity]! > 0) ??
      NONE;
    const mac = (high: number, low: number) => macToText({ high, low: low >>> 0 });
    return {
      server: server === NONE ? null : service!.data.destinations[server]!.address,
      destinationMac: server === NONE
        ? null
        : mac(ethernet.destinationHigh(frame, at), ethernet.destinationLow(frame, at)),
      sourceMac: mac(ethernet.sourceHigh(frame, at), ethernet.sourceLow(frame, at)),
      vlan: isTagged ? vlanTag.identifier(frame, at) : null,
      egress: server === NONE ? 0 : this.#ring.egress[SLOT]!,
      hopLimit: ipv4.version(frame, ip) === 4 ? ipv4.ttl(frame, ip) : ipv6.hopLimit(frame, ip),
    };
  }
}

/** What the counts that a scheduler looks at are now. Returns what puts them back. */
function saveCounts({ set: { active, inactive, overloaded } }: Service): () => void {
  const counts = [active, inactive, overloaded] as const;
  const saved = counts.map((each) => each.slice());
  return () => counts.forEach((each, index) => each.set(saved[index]!));
}

/** How many of the entries that a packet can need the table would take: its connection's, and before it a template's. */
function roomFor(
  connections: ConnectionTable,
  service: Service,
  { connection, template }: ConcernedEntries,
  { client, ports, protocol }: FirstPacket,
): number {
  const homes = [connections.home(client, ports, keyWord(service.vipIdentity, protocol))];
  if (service.data.persistenceMs > 0 && template === NONE) {
    const network = service.networkOf(client);
    homes.unshift(connections.home(network, 0, keyWord(service.identity, TEMPLATE_PROTOCOL)));
  }
  return connections.roomFor(homes, [connection, template]);
}
