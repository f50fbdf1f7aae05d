/**
 * The fourteen scheduling algorithms of ipvsadm(8), with the semantics of IPVS.
 *
 * @example
 * ```ts
 * import { createScheduler } from "./mod.ts";
 *
 * const scheduler = createScheduler("rr", {
 *   options: [],
 *   hashKey: crypto.getRandomValues(new Uint32Array(4)),
 *   random: () => Math.random() * 0x1_0000_0000 >>> 0,
 * });
 * scheduler.update({
 *   ids: ["192.0.2.21", "192.0.2.22"],
 *   weights: Int32Array.of(1, 1),
 *   active: new Int32Array(2),
 *   inactive: new Int32Array(2),
 *   overloaded: new Uint8Array(2),
 * });
 * const flow = {
 *   source: Uint32Array.of(0, 0, 0xffff, 0xc6336401),
 *   sourcePort: 40_000,
 *   destination: Uint32Array.of(0, 0, 0xffff, 0xc000020a),
 * };
 * scheduler.pick(flow, 0); // 0
 * scheduler.pick(flow, 0); // 1
 * ```
 *
 * @module
 */

import type { SchedulerName, SchedulerOption } from "../model/config.ts";
import { DestinationHash } from "./destination_hash.ts";
import { LeastConnection } from "./least_connection.ts";
import { LocalityLeastConnection } from "./locality_least_connection.ts";
import { LocalityReplication } from "./locality_replication.ts";
import { Maglev } from "./maglev.ts";
import { NeverQueue } from "./never_queue.ts";
import { RoundRobin } from "./round_robin.ts";
import type { Scheduler } from "./scheduler.ts";
import { ShortestExpectedDelay } from "./shortest_expected_delay.ts";
import { SourceHash } from "./source_hash.ts";
import { TwoRandomChoices } from "./two_random_choices.ts";
import { WeightedFailover } from "./weighted_failover.ts";
import { WeightedLeastConnection } from "./weighted_least_connection.ts";
import { WeightedOverflow } from "./weighted_overflow.ts";
import { WeightedRoundRobin } from "./weighted_round_robin.ts";

export * from "./scheduler.ts";

export interface SchedulerSettings {
  /** Flags; a scheduler ignores those of another. */
  readonly options: readonly SchedulerOption[];
  /** 128-bit secret of `mh` as four words; directors that must choose alike share it. */
  readonly hashKey: Uint32Array;
  /** 32 random bits at each call, for `twos`. */
  readonly random: () => number;
}

/** A scheduler without servers; it picks `NONE` until its first update. */
export function createScheduler(name: SchedulerName, settings: SchedulerSettings): Scheduler {
  switch (name) {
    case "rr":
      return new RoundRobin();
    case "wrr":
      return new WeightedRoundRobin();
    case "lc":
      return new LeastConnection();
    case "wlc":
      return new WeightedLeastConnection();
    case "lblc":
      return new LocalityLeastConnection();
    case "lblcr":
      return new LocalityReplication();
    case "dh":
      return new DestinationHash();
    case "sh":
      return new SourceHash(settings.options);
    case "sed":
      return new ShortestExpectedDelay();
    case "nq":
      return new NeverQueue();
    case "fo":
      return new WeightedFailover();
    case "ovf":
      return new WeightedOverflow();
    case "mh":
      return new Maglev(settings.options, settings.hashKey);
    case "twos":
      return new TwoRandomChoices(settings.random);
  }
}
