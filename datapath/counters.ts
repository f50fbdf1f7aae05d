/**
 * What a datapath Worker tells the control plane about its work: a block of shared memory that it rewrites at every
 * tick. A version that is odd while it writes lets the reader notice a copy made in the middle.
 *
 * @module
 */

import { macToText } from "../model/ip_address.ts";
import type { Destinations } from "./destinations.ts";
import type { ForwardingTable } from "./forwarding_table.ts";
import type { PortStatistics } from "./frame_port.ts";
import { IdentityRegistry } from "./identity_registry.ts";
import { VERDICTS } from "./verdict.ts";

/** Doubles at the start of the block: exact up to 2^53. */
const GENERATION = 0;
const CAPTURE_DROPS = 1;
const TRANSMIT_ERRORS = 2;
const USED = 3;
const VERDICT_COUNTS = 4;
const DESTINATIONS = VERDICT_COUNTS + VERDICTS.length;

/** Doubles of each destination, in the order of services and servers of the table. */
const CONNECTIONS = 0;
const PACKETS = 1;
const BYTES = 2;
const ACTIVE = 3;
const INACTIVE = 4;
const OVERLOADED = 5;
const MAC_HIGH = 6;
const MAC_LOW = 7;
const DOUBLES_PER_DESTINATION = 8;
const NO_MAC = -1;

/** The version comes first, in a 32-bit word of its own. */
const VERSION_BYTES = 8;

export interface DestinationCounters {
  readonly connections: number;
  readonly packets: number;
  readonly bytes: number;
  readonly active: number;
  readonly inactive: number;
  readonly isOverloaded: boolean;
  /** `null` while unresolved. */
  readonly mac: string | null;
}

export interface CounterSnapshot {
  /** Of the table the destinations belong to. */
  readonly generation: number;
  readonly captureDrops: number;
  readonly transmitErrors: number;
  readonly connectionsUsed: number;
  /** Frames by verdict number. */
  readonly verdicts: readonly number[];
  readonly destinations: readonly DestinationCounters[];
}

/** What one Worker has done. */
export interface WorkerCounters {
  /** Frames it has received, whatever became of them. */
  readonly frames: number;
  readonly captureDrops: number;
  readonly connectionsUsed: number;
}

/** What all Workers of a datapath have done together. */
export interface DatapathCounters extends CounterSnapshot {
  readonly workers: readonly WorkerCounters[];
}

/** Before anything has been counted. */
export const EMPTY_COUNTERS: DatapathCounters = {
  generation: 0,
  captureDrops: 0,
  transmitErrors: 0,
  connectionsUsed: 0,
  verdicts: [],
  destinations: [],
  workers: [],
};

/** The sum of what Workers that use the same table have done. MACs are those the first one has learnt. */
export function sumCounters(each: readonly CounterSnapshot[]): DatapathCounters {
  const first = each[0]!;
  const sum = (value: (snapshot: CounterSnapshot) => number) =>
    each.reduce((total, snapshot) => total + value(snapshot), 0);
  return {
    generation: first.generation,
    captureDrops: sum(({ captureDrops }) => captureDrops),
    transmitErrors: sum(({ transmitErrors }) => transmitErrors),
    connectionsUsed: sum(({ connectionsUsed }) => connectionsUsed),
    verdicts: first.verdicts.map((_, verdict) => sum(({ verdicts }) => verdicts[verdict]!)),
    destinations: first.destinations.map(({ mac }, index) => {
      const total = (key: "connections" | "packets" | "bytes" | "active" | "inactive") =>
        sum(({ destinations }) => destinations[index]![key]);
      return {
        connections: total("connections"),
        packets: total("packets"),
        bytes: total("bytes"),
        active: total("active"),
        inactive: total("inactive"),
        isOverloaded: each.some(({ destinations }) => destinations[index]!.isOverloaded),
        mac,
      };
    }),
    workers: each.map(({ verdicts, captureDrops, connectionsUsed }) => ({
      frames: verdicts.reduce((total, frames) => total + frames, 0),
      captureDrops,
      connectionsUsed,
    })),
  };
}

/** Memory for a counter block. */
export function createCounters(): SharedArrayBuffer {
  const doubles = DESTINATIONS + IdentityRegistry.LIMIT * DOUBLES_PER_DESTINATION;
  return new SharedArrayBuffer(VERSION_BYTES + doubles * Float64Array.BYTES_PER_ELEMENT);
}

/** The writing end, for the Worker. */
export class CounterWriter {
  readonly #version: Int32Array;
  readonly #block: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#version = new Int32Array(buffer, 0, 1);
    this.#block = new Float64Array(buffer, VERSION_BYTES);
  }

  /** Publishes everything. */
  commit(
    table: ForwardingTable,
    destinations: Destinations,
    verdicts: Float64Array,
    used: number,
    port: PortStatistics,
  ): void {
    Atomics.add(this.#version, 0, 1);
    const block = this.#block;
    block[GENERATION] = table.generation;
    block[CAPTURE_DROPS] = port.captureDrops;
    block[TRANSMIT_ERRORS] = port.transmitErrors;
    block[USED] = used;
    block.set(verdicts, VERDICT_COUNTS);
    let at = DESTINATIONS;
    for (const { identities } of table.services) {
      for (let index = 0; index < identities.length; index++) {
        const identity = identities[index]!;
        const isResolved = destinations.macHigh[identity] !== 0 || destinations.macLow[identity] !== 0;
        block[at + CONNECTIONS] = destinations.connections[identity]!;
        block[at + PACKETS] = destinations.packets[identity]!;
        block[at + BYTES] = destinations.bytes[identity]!;
        block[at + ACTIVE] = destinations.active[identity]!;
        block[at + INACTIVE] = destinations.inactive[identity]!;
        block[at + OVERLOADED] = destinations.overloaded[identity]!;
        block[at + MAC_HIGH] = isResolved ? destinations.macHigh[identity]! : NO_MAC;
        block[at + MAC_LOW] = destinations.macLow[identity]!;
        at += DOUBLES_PER_DESTINATION;
      }
    }
    Atomics.add(this.#version, 0, 1);
  }
}

/** Copies what the Worker published last. */
export function readCounters(buffer: SharedArrayBuffer, destinationCount: number): CounterSnapshot {
  const version = new Int32Array(buffer, 0, 1);
  const shared = new Float64Array(
    buffer,
    VERSION_BYTES,
    DESTINATIONS + destinationCount * DOUBLES_PER_DESTINATION,
  );
  for (;;) {
    const before = Atomics.load(version, 0);
    const block = shared.slice();
    if ((before & 1) === 0 && Atomics.load(version, 0) === before) return decode(block, destinationCount);
  }
}

function decode(block: Float64Array, destinationCount: number): CounterSnapshot {
  return {
    generation: block[GENERATION]!,
    captureDrops: block[CAPTURE_DROPS]!,
    transmitErrors: block[TRANSMIT_ERRORS]!,
    connectionsUsed: block[USED]!,
    verdicts: [...block.subarray(VERDICT_COUNTS, DESTINATIONS)],
    destinations: Array.from({ length: destinationCount }, (_, index) => {
      const at = DESTINATIONS + index * DOUBLES_PER_DESTINATION;
      return {
        connections: block[at + CONNECTIONS]!,
        packets: block[at + PACKETS]!,
        bytes: block[at + BYTES]!,
        active: block[at + ACTIVE]!,
        inactive: block[at + INACTIVE]!,
        isOverloaded: block[at + OVERLOADED] === 1,
        mac: block[at + MAC_HIGH] === NO_MAC
          ? null
          : macToText({ high: block[at + MAC_HIGH]!, low: block[at + MAC_LOW]! }),
      };
    }),
  };
}
