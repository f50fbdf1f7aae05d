import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  effectiveWeight,
  forwardingTable,
  SLOW_START_STEPS,
  type Standing,
} from "../../director/forwarding.ts";
import { config } from "./configs.ts";

Deno.test("effectiveWeight() is the full weight for a server that never failed, and without slow start", () => {
  assert.equal(effectiveWeight(7, 10_000, null, 5), 7);
  assert.equal(effectiveWeight(7, 0, 5, 5), 7);
});

Deno.test("effectiveWeight() rises in ten equal steps", () => {
  const weights = Array.from(
    { length: 12 },
    (_, second) => effectiveWeight(30, 10_000, 500, 500 + second * 1_000),
  );
  assert.deepEqual(weights, [3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 30, 30]);
  assert.equal(effectiveWeight(30, 10_000, 500, 1_499), 3, "the first step lasts to its end");
});

Deno.test("effectiveWeight() gives a weight of 1 at once and keeps a quiesced server quiesced", () => {
  assert.equal(effectiveWeight(1, 10_000, 0, 0), 1);
  assert.equal(effectiveWeight(0, 10_000, 0, 5_000), 0);
});

Deno.test("effectiveWeight() never falls with time, is at least 1 and ends at the weight", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 65_535 }),
    fc.integer({ min: SLOW_START_STEPS, max: 3_600_000 }),
    fc.array(fc.nat(3_600_000), { minLength: 2, maxLength: 20 }),
    (weight, slowStartMs, times) => {
      const weights = times.toSorted((one, other) => one - other)
        .map((ms) => effectiveWeight(weight, slowStartMs, 1_000, 1_000 + ms));
      assert.deepEqual(weights, weights.toSorted((one, other) => one - other));
      assert(weights.every((one) => one >= 1 && one <= weight));
      assert.equal(effectiveWeight(weight, slowStartMs, 1_000, 1_000 + slowStartMs), weight);
    },
  ));
});

Deno.test("forwardingTable() takes services over with their numbers and defaults", () => {
  const up: Standing = { state: "up", returnedAtMs: null };
  const { generation, services } = forwardingTable(config(), 4, () => up, 0);
  assert.equal(generation, 4);
  const [web, dns] = services;
  assert.deepEqual(
    [web!.name, web!.vip, web!.protocol, web!.scheduler, web!.onServerLoss],
    ["web", "192.0.2.10", 6, "wrr", "drop"],
  );
  assert.deepEqual(web!.ports, [{ first: 80, last: 80 }, { first: 443, last: 443 }]);
  assert.deepEqual([web!.persistenceMs, web!.persistencePrefix], [300_000, 24]);
  assert.deepEqual([dns!.protocol, dns!.persistenceMs, dns!.persistencePrefix], [17, 0, 32]);
  assert.deepEqual(web!.destinations[1], {
    address: "192.0.2.22",
    vlan: null,
    egress: 0,
    weight: 1,
    isDown: false,
    maxConnections: 100,
    minConnections: 80,
  });
});

Deno.test("forwardingTable() says which VLAN a VIP and each of its servers is in", () => {
  const before = config();
  const [web] = before.services;
  const servers = web!.servers.map((server, index) => ({ ...server, vlan: index === 0 ? 8 : null }));
  const { services } = forwardingTable(
    { ...before, services: [{ ...web!, vlan: 7, servers }] },
    1,
    () => ({ state: "up", returnedAtMs: null }),
    0,
  );
  assert.equal(services[0]!.vlan, 7);
  assert.deepEqual(
    services[0]!.destinations.map(({ vlan }) => vlan),
    [8, null, null].slice(0, servers.length),
  );
});

Deno.test("forwardingTable() says down, unknown, returning and quiesced servers apart", () => {
  const standings: Record<string, Standing> = {
    "192.0.2.21": { state: "up", returnedAtMs: 0 },
    "192.0.2.22": { state: "down" },
    "192.0.2.23": { state: "up", returnedAtMs: null },
  };
  const tableWith = (changes: Record<string, Standing>) =>
    forwardingTable(config(), 1, (_, { address }) => ({ ...standings, ...changes })[address]!, 2_000)
      .services[0]!;
  const shown = ({ destinations }: ReturnType<typeof tableWith>) =>
    destinations.map(({ weight, isDown }) => [weight, isDown]);

  const known = tableWith({});
  assert.deepEqual(shown(known), [[9, false], [0, true], [0, false]]);
  assert.equal(known.isSettling, false);

  const quarantined = tableWith({ "192.0.2.21": { state: "quarantined" } });
  assert.deepEqual(shown(quarantined), [[0, false], [0, true], [0, false]], "its connections go on");
  assert.equal(quarantined.isSettling, false);

  const settling = tableWith({ "192.0.2.21": { state: "unknown" } });
  assert.deepEqual(shown(settling), [[0, false], [0, true], [0, false]], "known connections go on meanwhile");
  assert.equal(settling.isSettling, true);
});
