import assert from "node:assert/strict";
import fc from "fast-check";
import { createScheduler, NONE } from "../../scheduler/mod.ts";
import {
  anyFlow,
  anyServers,
  flowFrom,
  repeatableRandom,
  schedulerWith,
  serverSet,
  usableIndexes,
  VARIANTS,
} from "./server_set.ts";

const FEW_RUNS = { numRuns: 40 };

for (const { name, options } of VARIANTS) {
  const title = [name, ...options].join(" ");
  // Building a table of 65,537 slots costs milliseconds.
  const runs = name === "mh" ? FEW_RUNS : {};

  Deno.test(`${title}: pick() returns NONE before the first update`, () => {
    const scheduler = createScheduler(name, {
      options,
      hashKey: Uint32Array.of(1, 2, 3, 4),
      random: repeatableRandom(),
    });
    assert.equal(scheduler.name, name);
    assert.equal(scheduler.pick(flowFrom(1), 0), NONE);
  });

  Deno.test(`${title}: pick() never returns a server that is quiesced, down or overloaded`, () => {
    fc.assert(
      fc.property(anyServers, fc.array(anyFlow, { minLength: 1, maxLength: 20 }), (servers, flows) => {
        const scheduler = schedulerWith(name, servers, options);
        const allowed = new Set([NONE, ...usableIndexes(servers)]);
        for (const flow of flows) {
          const picked = scheduler.pick(flow, 0);
          assert.ok(allowed.has(picked), `picked ${picked}`);
          if (picked !== NONE) servers.active[picked]!++;
        }
      }),
      runs,
    );
  });

  Deno.test(`${title}: pick() heeds an overload that comes between two picks`, () => {
    fc.assert(
      fc.property(anyServers, anyFlow, (servers, flow) => {
        const scheduler = schedulerWith(name, servers, options);
        const picked = scheduler.pick(flow, 0);
        if (picked === NONE) return;
        servers.overloaded[picked] = 1;
        assert.notEqual(scheduler.pick(flow, 1), picked);
      }),
      runs,
    );
  });

  Deno.test(`${title}: pick() takes the only server left, whatever has happened before`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 8 }),
        fc.array(anyFlow, { maxLength: 10 }),
        fc.nat(),
        (weights, flows, seed) => {
          const servers = serverSet(weights);
          const scheduler = schedulerWith(name, servers, options);
          for (const flow of flows) scheduler.pick(flow, 0);
          const survivor = seed % weights.length;
          scheduler.update({ ...servers, weights: servers.weights.map((w, i) => i === survivor ? w : -1) });
          for (const flow of flows) assert.equal(scheduler.pick(flow, 1), survivor);
        },
      ),
      runs,
    );
  });

  Deno.test(`${title}: an update that changes nothing does not disturb the order`, () => {
    fc.assert(
      fc.property(anyServers, fc.array(anyFlow, { maxLength: 12 }), fc.nat(12), (servers, flows, at) => {
        const disturbed = schedulerWith(name, servers, options);
        const undisturbed = schedulerWith(name, servers, options);
        flows.forEach((flow, index) => {
          if (index === at) disturbed.update({ ...servers, weights: servers.weights.slice() });
          assert.equal(disturbed.pick(flow, index), undisturbed.pick(flow, index));
        });
      }),
      runs,
    );
  });
}

// dh, sh and mh without fallback refuse the clients of a server that cannot be used, ovf those beyond all weights.
for (const { name, options } of VARIANTS) {
  const refuses = ["dh", "ovf"].includes(name) || ["sh", "mh"].includes(name) && options.length === 0;
  if (refuses) continue;
  Deno.test(`${[name, ...options].join(" ")}: pick() returns NONE only when no server is usable`, () => {
    fc.assert(
      fc.property(anyServers, anyFlow, (servers, flow) => {
        const reachable = name === "sh"
          ? firstSlotOwners(servers.weights)
          : servers.ids.map((_, index) => index);
        const usable = usableIndexes(servers).filter((index) => reachable.includes(index));
        assert.equal(schedulerWith(name, servers, options).pick(flow, 0) === NONE, usable.length === 0);
      }),
      name === "mh" ? FEW_RUNS : {},
    );
  });
}

/** The servers that own one of the 256 slots of `sh`. */
function firstSlotOwners(weights: Int32Array): number[] {
  let slots = 0;
  return [...weights.keys()].filter((index) => {
    if (weights[index]! < 0 || slots >= 256) return false;
    slots += Math.max(weights[index]!, 1);
    return true;
  });
}
