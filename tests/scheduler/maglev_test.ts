import assert from "node:assert/strict";
import fc from "fast-check";
import { NONE } from "../../scheduler/mod.ts";
import { buildMaglevTable, MAGLEV_SLOTS } from "../../scheduler/maglev_table.ts";
import { anyFlow, flowFrom, schedulerWith, serverSet } from "./server_set.ts";

const KEY = Uint32Array.of(0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210);

function idsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `192.0.2.${index}`);
}

function slotCounts(slots: Int32Array, servers: number): number[] {
  const counts = new Array<number>(servers).fill(0);
  for (const server of slots) counts[server]!++;
  return counts;
}

/** Fails unless every server has its share of the slots within 2 % or, for small shares, as near as whole slots allow. */
function assertShares(weights: readonly number[]): void {
  const slots = buildMaglevTable(idsOf(weights.length), Int32Array.from(weights), KEY);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  slotCounts(slots, weights.length).forEach((count, server) => {
    const share = MAGLEV_SLOTS * weights[server]! / total;
    assert.ok(
      Math.abs(count - share) <= Math.max(0.02 * share, 0.6),
      `server ${server} of weight ${weights[server]} has ${count} slots instead of ${share.toFixed(1)}`,
    );
  });
}

Deno.test("buildMaglevTable() gives 100 equal servers equal shares", () => {
  assertShares(new Array<number>(100).fill(1));
});

Deno.test("buildMaglevTable() gives 100 servers shares in proportion to their weights", () => {
  assertShares(Array.from({ length: 100 }, (_, index) => 1 + index % 10));
  assertShares(Array.from({ length: 100 }, (_, index) => 1 + index));
  assertShares(Array.from({ length: 100 }, (_, index) => index === 0 ? 65_535 : 100));
});

Deno.test("buildMaglevTable() gives shares in proportion to any weights", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 65_535 }), { minLength: 1, maxLength: 100 }),
      (weights) => {
        if (weights.some((weight) => weight > 0)) assertShares(weights);
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("buildMaglevTable() moves at most 1/N + 3 % of the others' slots when one of N servers leaves", () => {
  for (const count of [3, 10, 100]) {
    const ids = idsOf(count);
    const weights = new Int32Array(count).fill(10);
    const before = buildMaglevTable(ids, weights, KEY);
    for (const leaving of [0, count >>> 1, count - 1]) {
      const after = buildMaglevTable(
        ids,
        weights.map((weight, index) => index === leaving ? 0 : weight),
        KEY,
      );
      let moved = 0;
      let others = 0;
      before.forEach((server, slot) => {
        if (server === leaving) return;
        others++;
        if (after[slot] !== server) moved++;
      });
      assert.ok(moved / others <= 1 / count + 0.03, `${moved} of ${others} slots moved, ${count} servers`);
    }
  }
});

Deno.test("buildMaglevTable() deals by identity, not by place", () => {
  const table = buildMaglevTable(idsOf(5), Int32Array.of(1, 1, 1, 1, 1), KEY);
  const reversed = buildMaglevTable(idsOf(5).reverse(), Int32Array.of(1, 1, 1, 1, 1), KEY);
  let moved = 0;
  table.forEach((server, slot) => moved += reversed[slot] === 4 - server ? 0 : 1);
  // The turns within a round differ, which matters only where two servers want the same slot.
  assert.ok(moved < MAGLEV_SLOTS / 4, `${moved} slots depend on the order`);
});

Deno.test("buildMaglevTable() depends on the key", () => {
  const weights = new Int32Array(10).fill(1);
  const one = buildMaglevTable(idsOf(10), weights, KEY);
  const other = buildMaglevTable(idsOf(10), weights, Uint32Array.of(1, 2, 3, 4));
  const same = one.filter((server, slot) => other[slot] === server).length;
  assert.ok(Math.abs(same / MAGLEV_SLOTS - 0.1) < 0.02, `${same} slots are alike`);
});

Deno.test("buildMaglevTable() leaves every slot empty when no server has a weight", () => {
  assert.ok(buildMaglevTable(idsOf(2), Int32Array.of(0, -1), KEY).every((server) => server === NONE));
});

Deno.test("Maglev: two directors with the same key choose alike, with another key otherwise", () => {
  fc.assert(
    fc.property(anyFlow, (flow) => {
      const servers = serverSet([1, 2, 3]);
      assert.equal(schedulerWith("mh", servers).pick(flow, 0), schedulerWith("mh", servers).pick(flow, 9));
    }),
    { numRuns: 10 },
  );
});

Deno.test("Maglev: a quiesced server keeps its slots, so the clients of the others stay where they are", () => {
  const servers = serverSet([1, 1, 1, 1]);
  const scheduler = schedulerWith("mh", servers);
  const flows = Array.from({ length: 500 }, (_, index) => flowFrom(0xc6336400 + index));
  const before = flows.map((flow) => scheduler.pick(flow, 0));
  assert.deepEqual([...new Set(before)].sort(), [0, 1, 2, 3]);
  scheduler.update({ ...servers, weights: Int32Array.of(1, 1, 0, 1) });
  assert.deepEqual(flows.map((flow) => scheduler.pick(flow, 0)), before.map((s) => s === 2 ? NONE : s));
});

Deno.test("Maglev: mh-fallback spreads the clients of a quiesced server over all others", () => {
  const servers = serverSet([1, 1, 1, 1]);
  const scheduler = schedulerWith("mh", servers, ["mh-fallback"]);
  const flows = Array.from({ length: 2_000 }, (_, index) => flowFrom(0xc6336400 + index));
  const before = flows.map((flow) => scheduler.pick(flow, 0));
  scheduler.update({ ...servers, weights: Int32Array.of(1, 1, 0, 1) });
  const moved = [0, 0, 0, 0];
  flows.forEach((flow, index) => {
    const after = scheduler.pick(flow, 0);
    if (before[index] === 2) moved[after]!++;
    else assert.equal(after, before[index]);
  });
  assert.equal(moved[2], 0);
  for (const server of [0, 1, 3]) assert.ok(moved[server]! > 100, `moved ${moved}`);
});

Deno.test("Maglev: clients that mh-fallback has moved stay where they are when another server becomes unusable", () => {
  const servers = serverSet([1, 1, 1, 1, 1]);
  servers.overloaded[2] = 1;
  const scheduler = schedulerWith("mh", servers, ["mh-fallback"]);
  const flows = Array.from({ length: 1_000 }, (_, index) => flowFrom(0xc6336400 + index));
  const before = flows.map((flow) => scheduler.pick(flow, 0));
  servers.overloaded[3] = 1;
  flows.forEach((flow, index) => {
    if (before[index] !== 3) assert.equal(scheduler.pick(flow, 0), before[index]);
  });
});

Deno.test("Maglev: mh-fallback spreads clients by weight when hardly any server is left", () => {
  const servers = serverSet(new Array(300).fill(1));
  servers.overloaded.fill(1).fill(0, 7, 9);
  const scheduler = schedulerWith("mh", servers, ["mh-fallback"]);
  const counts = new Map<number, number>();
  for (let client = 0; client < 1_000; client++) {
    const picked = scheduler.pick(flowFrom(0xc6336400 + client), 0);
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), [7, 8]);
  for (const count of counts.values()) assert.ok(count > 400, `${count} of 1,000`);
});

Deno.test("Maglev: the clients of a server that is down move and come back with it", () => {
  const servers = serverSet([1, 1, 1]);
  const scheduler = schedulerWith("mh", servers);
  const flows = Array.from({ length: 300 }, (_, index) => flowFrom(0xc6336400 + index));
  const before = flows.map((flow) => scheduler.pick(flow, 0));
  scheduler.update({ ...servers, weights: Int32Array.of(1, -1, 1) });
  for (const flow of flows) assert.ok([0, 2].includes(scheduler.pick(flow, 0)));
  scheduler.update(servers);
  assert.deepEqual(flows.map((flow) => scheduler.pick(flow, 0)), before);
});

Deno.test("Maglev: the client's port counts only with mh-port", () => {
  const flows = Array.from({ length: 200 }, (_, index) => flowFrom(0xc6336401, 1_024 + index));
  const plain = schedulerWith("mh", serverSet([1, 1, 1]));
  assert.equal(new Set(flows.map((flow) => plain.pick(flow, 0))).size, 1);
  const withPort = schedulerWith("mh", serverSet([1, 1, 1]), ["mh-port"]);
  assert.equal(new Set(flows.map((flow) => withPort.pick(flow, 0))).size, 3);
});
