import assert from "node:assert/strict";
import { SCHEDULER_NAMES, type SchedulerName } from "../../model/config.ts";
import { compile, HeldConnections } from "./connections_client.ts";
import {
  CLIENT,
  CLIENT_OF_OTHER_NETWORK,
  INTERFACE,
  obstacle,
  RealCluster,
  type ServiceInput,
  tally,
  VIP,
} from "./real_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Of rs1 to rs4. The last one must never be asked. */
const WEIGHTS = [3, 1, 2, 0];

/** Real clients, one address each. */
const CLIENTS = Array.from({ length: 60 }, (_, i) => `203.0.113.${i + 1}`);

/** One service a scheduler, all on one VIP: the port tells them apart. */
const portOf = (scheduler: SchedulerName) => 8000 + SCHEDULER_NAMES.indexOf(scheduler);

/** Answers to connections that were all open at the same time. */
async function answersAtOnce(
  cluster: RealCluster,
  scheduler: SchedulerName,
  count: number,
  from: readonly string[] = [CLIENT],
): Promise<readonly string[]> {
  const port = portOf(scheduler);
  await using held = await HeldConnections.open(cluster, cluster.file("connections_client"), count, {
    port,
    from,
  });
  return held.first;
}

Deno.test(`every scheduler shares real connections out as it promises${needing}`, { ignore }, async (t) => {
  await using cluster = await RealCluster.create({ realServers: WEIGHTS.length });
  await compile(cluster, "connections_client");
  await cluster.client.namespace.ip(CLIENTS.map((address) => `addr add ${address}/32 dev ${INTERFACE}`));
  const services = SCHEDULER_NAMES.map((scheduler): ServiceInput => ({
    name: scheduler,
    vip: VIP,
    port: portOf(scheduler),
    scheduler,
    // Without it the clients whose hash falls on the server of weight 0 are refused, as by the kernel.
    scheduler_options: scheduler === "sh" ? ["sh-fallback"] : [],
    servers: cluster.realServers.map(({ address }, i) => ({ address, weight: WEIGHTS[i]! })),
  }));
  await cluster.startDirector(services);

  await t.step("rr takes them in turn", async () => {
    const answers = await cluster.ask(12, { port: portOf("rr") });
    assert.deepEqual(answers, Array.from({ length: 12 }, (_, i) => `rs${i % 3 + 1}`));
  });

  await t.step("wrr interleaves them by weight, as the kernel does", async () => {
    const answers = await cluster.ask(12, { port: portOf("wrr") });
    const cycle = ["rs1", "rs2", "rs3", "rs1", "rs1", "rs3"];
    assert.deepEqual(answers, [...cycle, ...cycle]);
  });

  const whileOpen: readonly [SchedulerName, number, Record<string, number>][] = [
    ["lc", 12, { rs1: 4, rs2: 4, rs3: 4 }],
    ["wlc", 12, { rs1: 6, rs2: 2, rs3: 4 }],
    ["sed", 12, { rs1: 6, rs2: 2, rs3: 4 }],
    ["nq", 12, { rs1: 6, rs2: 2, rs3: 4 }],
    ["fo", 12, { rs1: 12 }],
    // Up to one connection more than the weight, the heaviest first; then there is nobody left.
    ["ovf", 10, { rs1: 4, rs2: 2, rs3: 3, refused: 1 }],
  ];
  for (const [scheduler, count, expected] of whileOpen) {
    await t.step(`${scheduler} shares ${count} connections that stay open`, async () => {
      assert.deepEqual(tally(await answersAtOnce(cluster, scheduler, count)), expected);
    });
  }

  for (const scheduler of ["lblc", "lblcr", "twos"] as const) {
    await t.step(`${scheduler} uses every server of weight above 0 when connections stay open`, async () => {
      const answers = await answersAtOnce(cluster, scheduler, 40);
      assert.deepEqual(Object.keys(tally(answers)).sort(), ["rs1", "rs2", "rs3"]);
    });
  }

  await t.step("dh sends all clients of one VIP to one server", async () => {
    const answers = await answersAtOnce(cluster, "dh", 1, [CLIENT, CLIENT_OF_OTHER_NETWORK, ...CLIENTS]);
    assert.equal(Object.keys(tally(answers)).length, 1);
    assert.ok(!answers.includes("rs4"));
  });

  const choices = new Map<SchedulerName, readonly string[]>();
  for (const scheduler of ["sh", "mh"] as const) {
    await t.step(`${scheduler} keeps every client at one server and uses them all`, async () => {
      const answers = await answersAtOnce(cluster, scheduler, 2, CLIENTS);
      const firsts = answers.filter((_, i) => i % 2 === 0);
      assert.deepEqual(answers.filter((_, i) => i % 2 === 1), firsts);
      assert.deepEqual(Object.keys(tally(firsts)).sort(), ["rs1", "rs2", "rs3"]);
      choices.set(scheduler, firsts);
    });
  }

  await t.step("sh and mh choose the same after a restart without the connections", async () => {
    await cluster.endDirector();
    await Deno.remove(`${cluster.runDir}/connections`);
    await cluster.startDirector(services);
    for (const scheduler of ["sh", "mh"] as const) {
      assert.deepEqual(await answersAtOnce(cluster, scheduler, 1, CLIENTS), choices.get(scheduler));
    }
  });
});
