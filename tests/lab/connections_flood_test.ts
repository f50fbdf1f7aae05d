import assert from "node:assert/strict";
import { runCommand } from "../../host/command.ts";
import { compile, HeldConnections } from "./connections_client.ts";
import { framesOf, INTERFACE, obstacle, RealCluster, serviceOf, tally, VIP } from "./real_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const STREAM_PORT = 5201;
const STREAM_BYTES = 24_000_000;
const STREAM_BITS_PER_SECOND = 8_000_000;
const CAPACITY = 50_000;
const WARM_UP = 200_000;
const SOURCES = 1_000_000;
/** What two slow cores carry besides sending it: on more the flood is no worse, but most of it is lost here. */
const PER_SECOND = 50_000;
/** What a heap may grow by without anything being kept for each of the sources: that would be more. */
const MOST_GROWTH_KIB = 48 * 1024;

/** Resident memory of a process in KiB, proc_pid_status(5). */
async function residentKib(pid: number): Promise<number> {
  const { stdout } = await runCommand("grep", ["VmRSS", `/proc/${pid}/status`]);
  return Number(/(\d+) kB/.exec(stdout)![1]);
}

Deno.test(`a SYN flood of a million sources leaves what is established alone and memory bounded${needing}`, {
  ignore,
}, async () => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  const program = await compile(cluster, "connections_client");
  const flooder = await compile(cluster, "connections_flood");
  const [streaming] = cluster.realServers;
  cluster.spawn(streaming!, "iperf3", ["--server", "--port", String(STREAM_PORT)]);
  const director = await cluster.startDirector([
    {
      name: "stream",
      vip: VIP,
      port: STREAM_PORT,
      scheduler: "rr",
      servers: [{ address: streaming!.address }],
    },
    { name: "web", vip: VIP, port: 80, scheduler: "rr", servers: cluster.servers() },
  ], { director: { max_connections: CAPACITY } });
  const flood = (count: number) =>
    cluster.client.namespace.require(flooder, [
      ...[INTERFACE, cluster.client.mac, cluster.director.mac, VIP, "80", String(count), String(PER_SECOND)],
    ]);

  await using held = await HeldConnections.open(cluster, program, 100);
  assert.deepEqual(tally(held.first), { rs1: 50, rs2: 50 });
  const stream = cluster.client.namespace.require("iperf3", [
    ...["--client", VIP, "--port", String(STREAM_PORT), "--json"],
    ...["--bytes", String(STREAM_BYTES), "--bitrate", String(STREAM_BITS_PER_SECOND)],
  ]);
  const streamed = async () => serviceOf(await cluster.status(), "stream").bytes;
  await cluster.untilStatus("the stream flows", (snapshot) => serviceOf(snapshot, "stream").bytes > 100_000);

  await flood(WARM_UP);
  const full = await cluster.untilStatus(
    "the table is full",
    ({ connectionTable }) => connectionTable.used === CAPACITY,
  );
  const residentBefore = await residentKib(director.pid);
  const bytesBefore = await streamed();

  let isOver = false;
  const flooding = flood(SOURCES).finally(() => isOver = true);
  let most = 0;
  await cluster.until("the flood is over", async () => {
    most = Math.max(most, (await cluster.status()).connectionTable.used);
    return isOver;
  });
  await flooding;
  assert.equal(most, CAPACITY);
  assert.ok(await streamed() > bytesBefore, "the stream went on during the flood");
  const grown = await residentKib(director.pid) - residentBefore;
  assert.ok(grown < MOST_GROWTH_KIB, `memory grew by ${grown} KiB`);

  // Half-open connections made room for one another, and for everybody else.
  const after = await cluster.status();
  assert.equal(after.connectionTable.used, CAPACITY);
  assert.equal(framesOf(after, "dropped_table_full"), 0);
  const scheduled = serviceOf(after, "web").connections - serviceOf(full, "web").connections;
  assert.ok(scheduled > SOURCES / 4, `only ${scheduled} of the SYNs were seen`);
  assert.deepEqual(await held.ask(), held.first);
  assert.deepEqual(tally(await cluster.ask(20)), { rs1: 10, rs2: 10 });
  const { end } = JSON.parse(await stream);
  // iperf3 does not count what its server has not read yet when its client is done.
  assert.ok(
    end.sum_received.bytes >= 0.99 * STREAM_BYTES,
    `the stream received ${end.sum_received.bytes} bytes`,
  );
});
