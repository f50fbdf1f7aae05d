import assert from "node:assert/strict";
import { EarlierCounters } from "../../director/earlier_counters.ts";
import { forwardingTable } from "../../director/forwarding.ts";
import { config } from "./configs.ts";

const TABLE = forwardingTable(config(), 3, () => ({ state: "up", returnedAtMs: null }), 0);

const NOTHING = {
  connections: 0,
  packets: 0,
  bytes: 0,
  active: 0,
  inactive: 0,
  isOverloaded: false,
  mac: null,
};

/** Counters of {@linkcode TABLE}, whose servers are three of `web` and one of `dns`. */
function counters(connections: readonly number[], verdicts: readonly number[]) {
  return {
    generation: 3,
    captureDrops: 1,
    transmitErrors: 2,
    connectionsUsed: 5,
    workers: [],
    verdicts,
    destinations: connections.map((count) => ({
      ...NOTHING,
      connections: count,
      packets: 10 * count,
      bytes: 100 * count,
      active: count,
    })),
  };
}

Deno.test("EarlierCounters adds totals of every datapath so far, and nothing that passes on from one to the next", () => {
  const earlier = new EarlierCounters();
  earlier.add(TABLE, counters([1, 2, 3, 4], [7, 8]));
  earlier.add(TABLE, counters([10, 0, 0, 0], [1]));
  const sum = earlier.plus(TABLE, counters([100, 0, 0, 1], [0, 0, 5]));
  assert.deepEqual(sum.destinations.map(({ connections }) => connections), [111, 2, 3, 5]);
  assert.deepEqual(sum.destinations[0], {
    ...NOTHING,
    connections: 111,
    packets: 1110,
    bytes: 11100,
    active: 100,
  });
  assert.deepEqual(sum.verdicts, [8, 8, 5]);
  assert.deepEqual([sum.captureDrops, sum.transmitErrors, sum.connectionsUsed], [3, 6, 5]);
});

Deno.test("EarlierCounters knows servers by service and address, wherever they are in a table", () => {
  const earlier = new EarlierCounters();
  earlier.add(TABLE, counters([1, 2, 3, 4], []));
  const reversed = { ...TABLE, services: TABLE.services.toReversed() };
  const sum = earlier.plus(reversed, counters([0, 0, 0, 0], []));
  assert.deepEqual(sum.destinations.map(({ connections }) => connections), [4, 1, 2, 3]);
});
