import assert from "node:assert/strict";
import { compile, HeldConnections } from "./connections_client.ts";
import {
  CLIENT_OF_OTHER_NETWORK,
  CLIENT_OF_SAME_NETWORK,
  obstacle,
  RealCluster,
  type ServiceInput,
  serviceOf,
  VIP,
} from "./real_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Weights of rs1 to rs3; persistence of /24 networks across two ports. */
function service(
  cluster: RealCluster,
  weights: readonly number[],
  persistence: NonNullable<ServiceInput["persistence"]>,
): ServiceInput {
  return {
    name: "web",
    vip: VIP,
    ports: [80, 443],
    scheduler: "rr",
    persistence: { netmask: 24, ...persistence },
    timeouts: { fin: "100ms" },
    servers: cluster.realServers.map(({ address }, i) => ({ address, weight: weights[i]! })),
  };
}

Deno.test(`a client's network stays at one real server for as long as it may${needing}`, {
  ignore,
}, async (t) => {
  await using cluster = await RealCluster.create();
  const program = await compile(cluster, "connections_client");
  await cluster.startDirector([service(cluster, [1, 1, 1], { timeout: "1h" })]);

  await t.step("on both ports and from every address of the network", async () => {
    assert.deepEqual(await cluster.ask(3, { port: 80 }), ["rs1", "rs1", "rs1"]);
    assert.deepEqual(await cluster.ask(3, { port: 443 }), ["rs1", "rs1", "rs1"]);
    assert.deepEqual(await cluster.ask(3, { from: CLIENT_OF_SAME_NETWORK, port: 443 }), [
      "rs1",
      "rs1",
      "rs1",
    ]);
  });

  await t.step("while another network has a server of its own", async () => {
    assert.deepEqual(await cluster.ask(3, { from: CLIENT_OF_OTHER_NETWORK }), ["rs2", "rs2", "rs2"]);
    assert.deepEqual(await cluster.ask(2, { from: CLIENT_OF_OTHER_NETWORK, port: 443 }), ["rs2", "rs2"]);
    assert.deepEqual(await cluster.ask(2), ["rs1", "rs1"]);
  });

  await t.step("also when it is quiesced, if the service keeps persistence", async () => {
    await using held = await HeldConnections.open(cluster, program, 1);
    assert.deepEqual(held.first, ["rs1"]);
    await cluster.reload([service(cluster, [0, 1, 1], { timeout: "1h", quiesced: "keep" })]);
    assert.deepEqual(await held.ask(), ["rs1"]);
    assert.deepEqual(await cluster.ask(3), ["rs1", "rs1", "rs1"]);
    assert.deepEqual(await cluster.ask(3, { from: CLIENT_OF_OTHER_NETWORK }), ["rs2", "rs2", "rs2"]);
  });

  await t.step("but by default a quiesced server keeps its connections and gets no new one", async () => {
    await using held = await HeldConnections.open(cluster, program, 1);
    assert.deepEqual(held.first, ["rs1"]);
    await cluster.reload([service(cluster, [0, 1, 1], { timeout: "1h" })]);
    const answers = await cluster.ask(4);
    assert.equal(new Set(answers).size, 1);
    assert.notEqual(answers[0], "rs1");
    // The template is the new server's now, also when the old one is back.
    await cluster.reload([service(cluster, [1, 1, 1], { timeout: "1h" })]);
    assert.deepEqual(await cluster.ask(2), [answers[0], answers[0]]);
    assert.deepEqual(await held.ask(), ["rs1"]);
  });

  await t.step("until its time is over after its last connection", async () => {
    await cluster.endDirector();
    await Deno.remove(`${cluster.runDir}/connections`);
    await cluster.startDirector([service(cluster, [1, 1, 1], { timeout: "100ms" })]);
    const [first] = await cluster.ask(1);
    await cluster.untilStatus(
      "the template is forgotten",
      (snapshot) => serviceOf(snapshot, "web").connections === 1 && snapshot.connectionTable.used === 0,
    );
    const [second] = await cluster.ask(1);
    assert.notEqual(second, first);
  });
});

Deno.test(`the template of a server that is removed is forgotten in its time${needing}`, {
  ignore,
}, async (t) => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  const program = await compile(cluster, "connections_client");
  const web = (servers: ServiceInput["servers"]): ServiceInput => ({
    name: "web",
    vip: VIP,
    port: 80,
    scheduler: "rr",
    persistence: { timeout: "3s" },
    timeouts: { established: "1s", fin: "100ms" },
    on_server_loss: "drop",
    servers,
  });
  const withoutFirst = [web(cluster.servers().slice(1))];
  await cluster.startDirector([web(cluster.servers())]);
  const untilUsed = (entries: number) =>
    cluster.untilStatus(
      `${entries} connections and templates are left`,
      ({ connectionTable }) => connectionTable.used === entries,
    );

  await t.step("when another server has taken it over", async () => {
    await using held = await HeldConnections.open(cluster, program, 3);
    assert.deepEqual(held.first, ["rs1", "rs1", "rs1"]);
    await untilUsed(4);
    await cluster.reload(withoutFirst);
    assert.deepEqual(await cluster.ask(1), ["rs2"]);
    await untilUsed(0);
  });

  await t.step("when the server comes back after its connections have ended", async () => {
    await cluster.reload([web(cluster.servers())]);
    await using held = await HeldConnections.open(cluster, program, 3);
    assert.equal(new Set(held.first).size, 1);
    await untilUsed(4);
    const others = cluster.realServers.filter(({ name }) => name !== held.first[0]);
    await cluster.reload([web(others.map(({ address }) => ({ address })))]);
    await untilUsed(1);
    await cluster.reload([web(cluster.servers())]);
    await untilUsed(0);
  });
});
