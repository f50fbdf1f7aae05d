import assert from "node:assert/strict";
import {
  type CounterSnapshot,
  CounterWriter,
  createCounters,
  readCounters,
  sumCounters,
} from "../../datapath/counters.ts";
import { VERDICTS } from "../../datapath/verdict.ts";
import { Cluster, destination, web } from "./cluster.ts";
import { Flag } from "./frame_builder.ts";

/** How long a worker may take to commit twice. */
const PATIENCE_MS = 20_000;
const STATISTICS = { captureDrops: 3, transmitErrors: 4 };

Deno.test("readCounters() returns what CounterWriter.commit() published", () => {
  const cluster = new Cluster([
    web({ destinations: [destination(1), destination(2, { maxConnections: 1, minConnections: 1 })] }),
    web({ name: "other", ports: [{ first: 81, last: 81 }] }),
  ]);
  for (let clientPort = 1; clientPort <= 3; clientPort++) cluster.send({ clientPort, flags: Flag.SYN });
  cluster.send({ clientPort: 1, flags: Flag.FIN });
  cluster.destinations.macHigh[cluster.identityOf(1, 1)] = 0;
  cluster.destinations.macLow[cluster.identityOf(1, 1)] = 0;
  // Above 2^32, where a 32-bit counter would have wrapped.
  cluster.destinations.bytes[cluster.identityOf(2, 1)] = 2 ** 40 + 1;
  const verdicts = Float64Array.from(VERDICTS, (_, number) => number * 2 ** 33);
  const buffer = createCounters();
  new CounterWriter(buffer).commit(cluster.table, cluster.destinations, verdicts, 77, STATISTICS);

  const snapshot = readCounters(buffer, 4);
  assert.equal(snapshot.generation, cluster.table.generation);
  assert.deepEqual([snapshot.captureDrops, snapshot.transmitErrors, snapshot.connectionsUsed], [3, 4, 77]);
  assert.deepEqual(snapshot.verdicts, [...verdicts]);
  const idle = { connections: 0, packets: 0, bytes: 0, active: 0, inactive: 0, isOverloaded: false };
  const bytes = cluster.destinations.bytes;
  assert.deepEqual(snapshot.destinations, [
    {
      connections: 2,
      packets: 3,
      bytes: bytes[cluster.identityOf(1)],
      active: 1,
      inactive: 1,
      isOverloaded: false,
      mac: "02:00:c0:00:02:15",
    },
    {
      connections: 1,
      packets: 1,
      bytes: bytes[cluster.identityOf(2)],
      active: 1,
      inactive: 0,
      isOverloaded: true,
      mac: "02:00:c0:00:02:16",
    },
    { ...idle, mac: null },
    { ...idle, bytes: 2 ** 40 + 1, mac: "02:00:c0:00:02:16" },
  ]);
});

Deno.test("readCounters() before the first commit is all zeros, of generation 0", () => {
  const snapshot = readCounters(createCounters(), 1);
  assert.equal(snapshot.generation, 0);
  assert.deepEqual(snapshot.verdicts, VERDICTS.map(() => 0));
  assert.equal(snapshot.destinations[0]!.connections, 0);
});

Deno.test("readCounters() never returns half of a commit", async () => {
  const buffer = createCounters();
  const worker = new Worker(new URL("./counting_worker.ts", import.meta.url), { type: "module" });
  try {
    worker.postMessage(buffer);
    await new Promise((resolve) => worker.onmessage = resolve);
    let different = 0;
    let last = -1;
    // On a busy machine the worker may not have its turn for a while.
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (let read = 0; read < 2_000 || (different < 2 && performance.now() < deadlineMs); read++) {
      const { generation, captureDrops, connectionsUsed, verdicts } = readCounters(buffer, 1);
      assert.deepEqual([captureDrops, connectionsUsed, verdicts[0], verdicts.at(-1)], [
        ...[generation, generation, generation, generation],
      ]);
      if (generation !== last) different += 1;
      last = generation;
    }
    assert.ok(different > 1, `${different} commits were seen`);
  } finally {
    worker.terminate();
  }
});

Deno.test("sumCounters() adds up what workers have done, and says what each has", () => {
  const counted = (factor: number, mac: string | null, isOverloaded: boolean): CounterSnapshot => ({
    generation: 7,
    captureDrops: 1 * factor,
    transmitErrors: 2 * factor,
    connectionsUsed: 3 * factor,
    verdicts: [4 * factor, 5 * factor],
    destinations: [{
      connections: 6 * factor,
      packets: 7 * factor,
      bytes: 8 * factor,
      active: 9 * factor,
      inactive: 10 * factor,
      isOverloaded,
      mac,
    }],
  });
  const mac = "02:00:c0:00:02:15";
  assert.deepEqual(sumCounters([counted(1, mac, false), counted(10, null, true)]), {
    ...counted(11, mac, true),
    workers: [
      { frames: 9, captureDrops: 1, connectionsUsed: 3 },
      { frames: 90, captureDrops: 10, connectionsUsed: 30 },
    ],
  });
});
