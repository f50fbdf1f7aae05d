import assert from "node:assert/strict";
import { EMPTY_COUNTERS } from "../../datapath/mod.ts";
import { EarlierCounters } from "../../director/earlier_counters.ts";
import { forwardingTable } from "../../director/forwarding.ts";
import { config, MAC } from "./configs.ts";

const TABLE = forwardingTable(config(), 3, () => ({ state: "up", returnedAtMs: null }), 0);

const NOTHING = {
  connections: 0,
  packets: 0,
  bytes: 0,
  active: 0,
  inactive: 0,
  isOverloaded: false,
  mac: MAC,
};

/** What was counted with {@linkcode TABLE}, whose servers are three of `web` and one of `dns`. */
function counted(connections: readonly number[], verdicts: readonly number[], workerFrames = [0]) {
  return {
    table: TABLE,
    counters: {
      generation: 3,
      captureDrops: 1,
      transmitErrors: 2,
      connectionsUsed: 5,
      workers: workerFrames.map((frames) => ({ frames, captureDrops: 1, connectionsUsed: 2 })),
      verdicts,
      destinations: connections.map((count) => ({
        ...NOTHING,
        connections: count,
        packets: 10 * count,
        bytes: 100 * count,
        active: count,
      })),
    },
  };
}

Deno.test("EarlierCounters adds totals of every datapath so far, and nothing that passes on from one to the next", () => {
  const earlier = new EarlierCounters();
  earlier.add(counted([1, 2, 3, 4], [7, 8, 0], [10, 20]));
  earlier.add(counted([10, 0, 0, 0], [1, 0, 0], [5, 6]));
  const { table, counters: sum } = earlier.plus(counted([100, 0, 0, 1], [0, 0, 5], [1, 1]));
  assert.equal(table, TABLE);
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
  assert.deepEqual(sum.workers, [
    { frames: 16, captureDrops: 3, connectionsUsed: 2 },
    { frames: 27, captureDrops: 3, connectionsUsed: 2 },
  ]);
});

Deno.test("EarlierCounters knows servers by service and address, wherever they are in a table", () => {
  const earlier = new EarlierCounters();
  earlier.add(counted([1, 2, 3, 4], []));
  const reversed = { ...TABLE, services: TABLE.services.toReversed() };
  const { counters } = earlier.plus({ ...counted([0, 0, 0, 0], []), table: reversed });
  assert.deepEqual(counters.destinations.map(({ connections }) => connections), [4, 1, 2, 3]);
});

Deno.test("EarlierCounters goes on with what there was until the next datapath has counted something", () => {
  const earlier = new EarlierCounters();
  const none = { table: { generation: 0, services: [] }, counters: EMPTY_COUNTERS };
  assert.deepEqual(earlier.plus(none), none, "there was none before");
  const ended = counted([1, 2, 3, 4], [7, 8]);
  const { table, counters } = ended;
  const left = {
    table,
    counters: { ...counters, destinations: counters.destinations.map((each) => ({ ...each, mac: null })) },
  };
  earlier.add(ended);
  assert.deepEqual(earlier.plus(none), left);
  // It may be started anew before it has counted anything.
  earlier.add(none);
  assert.deepEqual(earlier.plus(none), left);
  assert.deepEqual(
    earlier.plus(counted([1, 0, 0, 0], [])).counters.destinations.map(({ connections }) => connections),
    [2, 2, 3, 4],
  );
});
