/**
 * Server sets, flows and arbitraries for the scheduler tests.
 *
 * @module
 */

import fc from "fast-check";
import { SCHEDULER_NAMES, type SchedulerName, type SchedulerOption } from "../../model/config.ts";
import { createScheduler, type NewFlow, type Scheduler, type ServerSet } from "../../scheduler/mod.ts";

/** A set of idle servers `10.0.0.1`, `10.0.0.2` and so on, unless `ids` says otherwise. */
export function serverSet(weights: readonly number[], ids?: readonly string[]): ServerSet {
  return {
    ids: ids ?? weights.map((_, index) => `10.0.${index >>> 8}.${index & 255}`),
    weights: Int32Array.from(weights),
    active: new Int32Array(weights.length),
    inactive: new Int32Array(weights.length),
    overloaded: new Uint8Array(weights.length),
  };
}

/** The first packet of a TCP connection from an IPv4 client to an IPv4 VIP. */
export function flowFrom(source: number, sourcePort = 40_000, destination = 0xc000020a): NewFlow {
  return {
    source: Uint32Array.of(0, 0, 0xffff, source),
    sourcePort,
    destination: Uint32Array.of(0, 0, 0xffff, destination),
  };
}

/** xorshift32: the same numbers on every run. */
export function repeatableRandom(seed = 0x9e3779b9): () => number {
  const state = Int32Array.of(seed); // a captured number of 32 bits would be allocated at each change
  return () => {
    state[0]! ^= state[0]! << 13;
    state[0]! ^= state[0]! >>> 17;
    state[0]! ^= state[0]! << 5;
    return state[0]!;
  };
}

/** A scheduler with a fixed key and repeatable random numbers that has adopted `servers`. */
export function schedulerWith(
  name: SchedulerName,
  servers: ServerSet,
  options: readonly SchedulerOption[] = [],
): Scheduler {
  const scheduler = createScheduler(name, {
    options,
    hashKey: Uint32Array.of(1, 2, 3, 4),
    random: repeatableRandom(),
  });
  scheduler.update(servers);
  return scheduler;
}

/** Every scheduler, the hash schedulers also with their options. */
export const VARIANTS: readonly { name: SchedulerName; options: readonly SchedulerOption[] }[] = [
  ...SCHEDULER_NAMES.map((name) => ({ name, options: [] })),
  { name: "sh", options: ["sh-port", "sh-fallback"] },
  { name: "mh", options: ["mh-port", "mh-fallback"] },
];

/** Servers with any state: quiesced, down, overloaded, loaded. */
export const anyServers: fc.Arbitrary<ServerSet> = fc.array(
  fc.record({
    weight: fc.oneof(fc.constantFrom(-1, 0, 1, 65_535), fc.integer({ min: 1, max: 10 })),
    active: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 10_000_000 })),
    inactive: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 10_000_000 })),
    overloaded: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
  }),
  { maxLength: 12 },
).map((servers) => ({
  ids: servers.map((_, index) => `10.0.0.${index}`),
  weights: Int32Array.from(servers, (server) => server.weight),
  active: Int32Array.from(servers, (server) => server.active),
  inactive: Int32Array.from(servers, (server) => server.inactive),
  overloaded: Uint8Array.from(servers, (server) => server.overloaded),
}));

export const anyFlow: fc.Arbitrary<NewFlow> = fc.record({
  source: fc.array(fc.nat(0xffffffff), { minLength: 4, maxLength: 4 }).map((words) =>
    Uint32Array.from(words)
  ),
  sourcePort: fc.nat(65_535),
  destination: fc.array(fc.nat(0xffffffff), { minLength: 4, maxLength: 4 })
    .map((words) => Uint32Array.from(words)),
});

/** Indexes of the servers that may get connections. */
export function usableIndexes(servers: ServerSet): number[] {
  return servers.ids.map((_, index) => index)
    .filter((index) => servers.weights[index]! > 0 && servers.overloaded[index] === 0);
}
