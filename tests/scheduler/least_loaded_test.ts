import assert from "node:assert/strict";
import fc from "fast-check";
import type { SchedulerName } from "../../model/config.ts";
import { NONE, type ServerSet } from "../../scheduler/mod.ts";
import {
  anyServers,
  flowFrom,
  repeatableRandom,
  schedulerWith,
  serverSet,
  usableIndexes,
} from "./server_set.ts";

const FLOW = flowFrom(0xc6336401);

/** An exact fraction; products of these loads do not always fit a double. */
type Load = readonly [above: bigint, below: bigint];

/** The first usable server with the smallest load. */
function firstLeast(servers: ServerSet, load: (index: number) => Load): number {
  let least = NONE;
  for (const index of usableIndexes(servers)) {
    if (least === NONE) least = index;
    const [above, below] = load(index);
    const [leastAbove, leastBelow] = load(least);
    if (above * leastBelow < leastAbove * below) least = index;
  }
  return least;
}

function overhead(servers: ServerSet, index: number): bigint {
  return 257n * BigInt(servers.active[index]!) + BigInt(servers.inactive[index]!);
}

const LOADS: Partial<Record<SchedulerName, (servers: ServerSet, index: number) => Load>> = {
  lc: (servers, index) => [overhead(servers, index), 1n],
  wlc: (servers, index) => [overhead(servers, index), BigInt(servers.weights[index]!)],
  sed: (servers, index) => [BigInt(servers.active[index]! + 1), BigInt(servers.weights[index]!)],
};

for (const [name, load] of Object.entries(LOADS)) {
  Deno.test(`${name} picks the first of the usable servers with the smallest load`, () => {
    fc.assert(fc.property(anyServers, (servers) => {
      const picked = schedulerWith(name as SchedulerName, servers).pick(FLOW, 0);
      assert.equal(picked, firstLeast(servers, (index) => load(servers, index)));
    }));
  });
}

Deno.test("one active connection weighs as much as 257 inactive ones", () => {
  for (const name of ["lc", "wlc"] as const) {
    const servers = serverSet([1, 1]);
    servers.active[0] = 1;
    servers.inactive[1] = 257;
    assert.equal(schedulerWith(name, servers).pick(FLOW, 0), 0, name);
    servers.inactive[1] = 256;
    assert.equal(schedulerWith(name, servers).pick(FLOW, 0), 1, name);
  }
});

Deno.test("NeverQueue picks the first idle server, else as sed", () => {
  fc.assert(fc.property(anyServers, (servers) => {
    const idle = usableIndexes(servers).find((index) => servers.active[index] === 0);
    const expected = idle ?? schedulerWith("sed", servers).pick(FLOW, 0);
    assert.equal(schedulerWith("nq", servers).pick(FLOW, 0), expected);
  }));
});

Deno.test("WeightedFailover picks the first server with the greatest usable weight", () => {
  fc.assert(fc.property(anyServers, (servers) => {
    const usable = usableIndexes(servers);
    const greatest = Math.max(...usable.map((index) => servers.weights[index]!));
    const expected = usable.find((index) => servers.weights[index] === greatest) ?? NONE;
    assert.equal(schedulerWith("fo", servers).pick(FLOW, 0), expected);
  }));
});

Deno.test("WeightedOverflow picks the greatest weight that active connections do not exceed", () => {
  fc.assert(fc.property(anyServers, (servers) => {
    const usable = usableIndexes(servers).filter((index) =>
      servers.active[index]! <= servers.weights[index]!
    );
    const greatest = Math.max(...usable.map((index) => servers.weights[index]!));
    const expected = usable.find((index) => servers.weights[index] === greatest) ?? NONE;
    assert.equal(schedulerWith("ovf", servers).pick(FLOW, 0), expected);
  }));
});

Deno.test("TwoRandomChoices takes the less loaded of two servers drawn by weight", () => {
  const servers = serverSet([1, 3]);
  const random = repeatableRandom();
  const scheduler = schedulerWith("twos", servers);
  servers.active.set([1, 4]); // 1/1 < 4/3
  for (let pick = 0; pick < 1_000; pick++) {
    const draws = [random(), random()].map((bits) => (bits >>> 0) < 2 ** 30 ? 0 : 1);
    assert.equal(scheduler.pick(FLOW, 0), Math.min(...draws));
  }
});

Deno.test("TwoRandomChoices spreads equal loads by weight", () => {
  const scheduler = schedulerWith("twos", serverSet([1, 2, 5]));
  const counts = [0, 0, 0];
  for (let pick = 0; pick < 80_000; pick++) counts[scheduler.pick(FLOW, 0)]!++;
  counts.forEach((count, index) => {
    const expected = [10_000, 20_000, 50_000][index]!;
    assert.ok(Math.abs(count - expected) < expected * 0.05, `server ${index} got ${count}`);
  });
});
