import assert from "node:assert/strict";
import fc from "fast-check";
import type { Scheduler } from "../../scheduler/mod.ts";
import { flowFrom, schedulerWith, serverSet } from "./server_set.ts";

const FLOW = flowFrom(0xc6336401);

function picks(scheduler: Scheduler, count: number): number[] {
  return Array.from({ length: count }, () => scheduler.pick(FLOW, 0));
}

Deno.test("RoundRobin picks every usable server once a cycle, in order", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 20 }), (weights) => {
    const usable = [...weights.keys()].filter((index) => weights[index]! > 0);
    const scheduler = schedulerWith("rr", serverSet(weights));
    for (let cycle = 0; cycle < 3; cycle++) assert.deepEqual(picks(scheduler, usable.length), usable);
  }));
});

Deno.test("RoundRobin goes on behind the server that had its turn, wherever that one stands now", () => {
  const scheduler = schedulerWith("rr", serverSet([1, 1, 1], ["a", "b", "c"]));
  assert.deepEqual(picks(scheduler, 2), [0, 1]);
  scheduler.update(serverSet([1, 1, 1, 1], ["b", "new", "c", "a"]));
  assert.deepEqual(picks(scheduler, 4), [1, 2, 3, 0]);
});

Deno.test("RoundRobin goes on behind the predecessor of a removed server", () => {
  const scheduler = schedulerWith("rr", serverSet([1, 1, 1, 1], ["a", "b", "c", "d"]));
  assert.deepEqual(picks(scheduler, 3), [0, 1, 2]);
  scheduler.update(serverSet([1, 1, 1], ["a", "b", "d"]));
  assert.deepEqual(picks(scheduler, 3), [2, 0, 1]);
});

Deno.test("RoundRobin starts at the head when all servers up to the removed one are gone", () => {
  const scheduler = schedulerWith("rr", serverSet([1, 1, 1], ["a", "b", "c"]));
  assert.deepEqual(picks(scheduler, 1), [0]);
  scheduler.update(serverSet([1, 1], ["b", "c"]));
  assert.deepEqual(picks(scheduler, 3), [0, 1, 0]);
});

Deno.test("WeightedRoundRobin gives every server exactly its proportion in each cycle", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1, max: 30 }), { minLength: 1, maxLength: 10 }), (weights) => {
      const positive = weights.map((weight) => Math.max(weight, 0));
      const divisor = positive.reduce(divide, 0);
      if (divisor === 0) return;
      const cycle = positive.reduce((sum, weight) => sum + weight, 0) / divisor;
      const scheduler = schedulerWith("wrr", serverSet(weights));
      for (let round = 0; round < 3; round++) {
        const counts = weights.map(() => 0);
        for (const picked of picks(scheduler, cycle)) counts[picked]!++;
        assert.deepEqual(counts, positive.map((weight) => weight / divisor));
      }
    }),
  );
});

function divide(a: number, b: number): number {
  return b === 0 ? a : divide(b, a % b);
}

Deno.test("WeightedRoundRobin keeps the proportion of the others while one is overloaded", () => {
  const servers = serverSet([65_535, 1, 2]);
  servers.overloaded[0] = 1;
  const scheduler = schedulerWith("wrr", servers);
  assert.deepEqual(picks(scheduler, 6), [1, 2, 2, 1, 2, 2]);
});

Deno.test("WeightedRoundRobin starts a new turn at the level reached when a weight changes", () => {
  const scheduler = schedulerWith("wrr", serverSet([4, 2, 1]));
  // Levels 1, 4, 3, 2: the last pick is server 0 at level 2.
  assert.deepEqual(picks(scheduler, 6), [0, 1, 2, 0, 0, 0]);
  scheduler.update(serverSet([3, 2, 1]));
  assert.deepEqual(picks(scheduler, 6), [0, 1, 0, 1, 2, 0]);
});

Deno.test("WeightedRoundRobin fits the level reached to the new weights", () => {
  const scheduler = schedulerWith("wrr", serverSet([5, 4]));
  assert.deepEqual(picks(scheduler, 6), [0, 1, 0, 0, 1, 0]); // levels 1, 5, 4, 3
  // Weights 6 and 3 have the levels 4 and 1; 3 becomes 4, which leaves server 1 out.
  scheduler.update(serverSet([6, 3]));
  assert.deepEqual(picks(scheduler, 4), [0, 0, 1, 0]);
  // Level 4 is above 1, the only level of equal weights.
  scheduler.update(serverSet([2, 2]));
  assert.deepEqual(picks(scheduler, 4), [0, 1, 0, 1]);
});

Deno.test("WeightedRoundRobin starts at the lowest level after all servers were quiesced", () => {
  const scheduler = schedulerWith("wrr", serverSet([3, 1]));
  picks(scheduler, 3);
  scheduler.update(serverSet([0, 0]));
  assert.deepEqual(picks(scheduler, 1), [-1]);
  scheduler.update(serverSet([3, 1]));
  assert.deepEqual(picks(scheduler, 4), [0, 1, 0, 0]);
});
