/**
 * What happens to the MACs of real servers, as events. Two hosts that fight over an address would fill the log: while
 * a server moves time and again, there is one event in ten seconds.
 *
 * @module
 */

import type { DatapathEvent } from "../datapath/mod.ts";
import type { EventLog } from "./events.ts";

/** Time from one event about the moves of a server to the next. */
const QUIET_MS = 10_000;

/** What happens to a MAC. */
export type NeighborEvent = Extract<DatapathEvent, { kind: "neighborLearnt" | "neighborLost" }>;

/** Moves of a server since the last event about them. */
interface Moves {
  /** When the next event may come. */
  readonly dueAtMs: number;
  count: number;
  mac: string;
}

export class NeighborNews {
  readonly #events: EventLog;
  /** Servers that have moved less than ten seconds ago, by address. */
  readonly #moves = new Map<string, Moves>();

  constructor(events: EventLog) {
    this.#events = events;
  }

  /** Takes note of what the datapath reports. */
  datapathReported(event: NeighborEvent, nowMs: number): void {
    const { address } = event;
    if (event.kind === "neighborLost") {
      this.#events.report("warning", "neighbor.lost", `${address} does not answer any more`);
    } else if (event.before === null) {
      this.#events.report("info", "neighbor.learnt", `${address} is at ${event.mac}`);
    } else {
      this.#moved(address, event.before, event.mac, nowMs);
    }
  }

  /** Reports moves that were held back long enough; to be called about every second. */
  tick(nowMs: number): void {
    for (const [address, { dueAtMs, count, mac }] of this.#moves) {
      if (nowMs < dueAtMs) continue;
      this.#moves.delete(address);
      if (count === 0) continue;
      this.#moves.set(address, { dueAtMs: nowMs + QUIET_MS, count: 0, mac });
      const times = count === 1 ? "once more" : `${count} times more`;
      this.#report(`${address} moved ${times}, and is at ${mac} now: two hosts may have this address`);
    }
  }

  #moved(address: string, before: string, mac: string, nowMs: number): void {
    const moves = this.#moves.get(address);
    if (moves === undefined) {
      this.#moves.set(address, { dueAtMs: nowMs + QUIET_MS, count: 0, mac });
      this.#report(`${address} moved from ${before} to ${mac}`);
    } else {
      moves.count += 1;
      moves.mac = mac;
    }
  }

  #report(message: string): void {
    this.#events.report("warning", "neighbor.changed", message);
  }
}
