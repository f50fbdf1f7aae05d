import assert from "node:assert/strict";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { compile, type Ending, reusePort } from "./connections_client.ts";
import { obstacle, RealCluster, serviceOf, tally, VIP } from "./real_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const TIMES = 1000;
/** A SYN that had to be sent again is a delay of a second. Some may be lost on a busy machine, no more. */
const MOST_REPEATED_SYNS = TIMES / 100;

const ENDINGS: Record<Ending, string> = {
  client: "closed by the client",
  server: "closed by the server",
  reset: "reset by the client",
};

async function repeatedSyns(cluster: RealCluster): Promise<number> {
  const output = await cluster.client.namespace.require("nstat", ["-a", "-z", "-j", "TcpExtTCPSynRetrans"]);
  return JSON.parse(output).kernel.TcpExtTCPSynRetrans;
}

Deno.test(`a client port is a new connection at once, ${TIMES} times in a row${needing}`, {
  ignore,
}, async (t) => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  const program = await compile(cluster, "connections_client");
  // The client would keep a port it closed first for a minute; without TIME_WAIT it can have it back at once.
  await cluster.client.namespace.setSysctls({ "net.ipv4.tcp_max_tw_buckets": 0 });
  const shared = { vip: VIP, scheduler: "rr", servers: cluster.servers() } as const;
  await cluster.startDirector([
    { ...shared, name: "plain", port: 80 },
    { ...shared, name: "persistent", port: 443, persistence: { timeout: "1h" } },
  ]);

  /** Runs them and returns who answered how often, having seen that each was scheduled anew and none had to wait. */
  const reuse = async (ending: Ending, service: string, port: number) => {
    const connections = (snapshot: StatusSnapshot) => serviceOf(snapshot, service).connections;
    const before = { syns: await repeatedSyns(cluster), connections: connections(await cluster.status()) };
    const answers = await reusePort(cluster, program, TIMES, ending, { port });
    const repeated = await repeatedSyns(cluster) - before.syns;
    assert.ok(repeated < MOST_REPEATED_SYNS, `${repeated} SYNs were sent again`);
    const after = await cluster.untilStatus(
      "every connection is counted",
      (snapshot) => connections(snapshot) >= before.connections + TIMES,
    );
    // A server that still waits for the last ACK of the old connection refuses a SYN that overtook it; the client's
    // RST ends what was scheduled, and its next SYN is one more.
    assert.ok(connections(after) <= before.connections + TIMES + repeated, "some were counted twice");
    return { tally: tally(answers), repeated };
  };

  for (const ending of Object.keys(ENDINGS) as Ending[]) {
    await t.step(`after connections ${ENDINGS[ending]}`, async () => {
      const { tally, repeated } = await reuse(ending, "plain", 80);
      assert.deepEqual(Object.keys(tally).sort(), ["rs1", "rs2"]);
      assert.ok(Math.abs(tally.rs1! - tally.rs2!) <= 2 * repeated, JSON.stringify({ tally, repeated }));
      assert.equal(tally.rs1! + tally.rs2!, TIMES);
    });
    await t.step(`after connections ${ENDINGS[ending]}, with persistence`, async () => {
      assert.deepEqual((await reuse(ending, "persistent", 443)).tally, { rs1: TIMES });
    });
  }
});
