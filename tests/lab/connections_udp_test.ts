import assert from "node:assert/strict";
import {
  CLIENT,
  HEALTH,
  INTERFACE,
  obstacle,
  RealCluster,
  serverOf,
  type ServiceInput,
  serviceOf,
  tally,
  VIP,
} from "./real_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** A name that every DNS server resolves to itself. */
const NAME = "server.test";
const QUERIES = 12;

/** Starts dnsmasq on every real server; each answers with its own name. */
async function startDns(cluster: RealCluster): Promise<void> {
  for (const server of cluster.realServers) {
    cluster.spawn(server, "dnsmasq", [
      ...["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file="],
      ...["--user=root", "--port=53", `--txt-record=${NAME},${server.name}`],
      ...[`--listen-address=${VIP}`, `--listen-address=${server.address}`, "--bind-interfaces"],
    ]);
    await cluster.until(`DNS of ${server.name} answers`, async () => {
      const args = [...digOptions, `@${server.address}`, "TXT", NAME];
      return (await cluster.client.namespace.run("dig", args)).code === 0;
    });
  }
}

const digOptions = ["+short", "+tries=3", "+timeout=5"];

/** The first of the source ports that are used once. The kernel's choice could be one that was used before. */
const FIRST_OWN_PORT = 20_000;

/** Names of the servers that answer one query after the other, from one source port or from ports of their own. */
async function resolve(cluster: RealCluster, count: number, sourcePort: number | null): Promise<string[]> {
  const answers: string[] = [];
  for (let query = 0; query < count; query++) {
    const port = sourcePort ?? FIRST_OWN_PORT + query;
    const args = [...digOptions, "-b", `${CLIENT}#${port}`, `@${VIP}`, "TXT", NAME];
    answers.push((await cluster.client.namespace.require("dig", args)).trim().replaceAll('"', ""));
  }
  return answers;
}

Deno.test(`UDP to a real DNS server is balanced by source port, or by packet${needing}`, {
  ignore,
}, async (t) => {
  await using cluster = await RealCluster.create();
  await startDns(cluster);
  const dns = (settings: Partial<ServiceInput>): ServiceInput => ({
    name: "dns",
    vip: VIP,
    protocol: "udp",
    port: 53,
    scheduler: "rr",
    servers: cluster.servers(),
    ...settings,
  });
  await cluster.startDirector([dns({})]);

  await t.step("queries from one source port stay at one server", async () => {
    const answers = await resolve(cluster, QUERIES, 45_353);
    assert.deepEqual(Object.values(tally(answers)), [QUERIES]);
  });

  await t.step("queries from ports of their own are shared out", async () => {
    assert.deepEqual(tally(await resolve(cluster, QUERIES, null)), { rs1: 4, rs2: 4, rs3: 4 });
  });

  await t.step("with one_packet so are queries from one source port", async () => {
    await cluster.reload([dns({ one_packet: true })]);
    const answers = await resolve(cluster, QUERIES, 45_454);
    assert.deepEqual(tally(answers), { rs1: 4, rs2: 4, rs3: 4 });
    for (const [i, answer] of answers.entries()) if (i >= 3) assert.equal(answer, answers[i - 3]);
    await cluster.untilStatus(
      "every packet counts as a connection",
      (snapshot) => serviceOf(snapshot, "dns").connections === 1 + QUERIES + QUERIES,
    );
  });

  for (const loss of ["reset", "move"] as const) {
    await t.step(`with on_server_loss ${loss} the flow of a failed server moves to another`, async () => {
      await cluster.reload([dns({ on_server_loss: loss, health: HEALTH })]);
      const sourcePort = loss === "reset" ? 45_555 : 45_656;
      const [first] = await resolve(cluster, 1, sourcePort);
      const failing = cluster.realServers.find(({ name }) => name === first)!;
      await cluster.setHealthy(failing, false);
      await cluster.untilStatus(
        `${first} is down`,
        (snapshot) => serverOf(snapshot, "dns", failing).state === "down",
      );
      const answers = await resolve(cluster, 3, sourcePort);
      assert.equal(new Set(answers).size, 1);
      assert.notEqual(answers[0], first);
      await cluster.setHealthy(failing, true);
      await cluster.untilStatus(
        `${first} is up`,
        (snapshot) => serverOf(snapshot, "dns", failing).state === "up",
      );
      // It does not move back.
      assert.deepEqual(await resolve(cluster, 1, sourcePort), [answers[0]]);
    });
  }
});

Deno.test(`a service has one port, some, a range of them or all${needing}`, { ignore }, async (t) => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  const everywhere = "192.0.2.11";
  await Promise.all(
    cluster.realServers.map(({ namespace }) => namespace.ip([`addr add ${everywhere}/32 dev lo`])),
  );
  await cluster.startDirector([
    {
      name: "some",
      vip: VIP,
      ports: [443, "8003-8005"],
      scheduler: "rr",
      persistence: { timeout: "1h" },
      servers: cluster.servers(),
    },
    {
      name: "all",
      vip: everywhere,
      ports: "any",
      scheduler: "rr",
      health: { ...HEALTH, port: 80 },
      servers: cluster.servers(),
    },
  ]);
  const request = (vip: string, port: number) =>
    cluster.client.namespace.run("curl", [
      ...["--silent", "--show-error", "--interface", INTERFACE, `http://${vip}:${port}/`],
    ]);

  await t.step("every port of a range is served, and they share persistence", async () => {
    const answers = [];
    for (const port of [443, 8003, 8004, 8005]) answers.push(...await cluster.ask(2, { port }));
    assert.deepEqual(Object.values(tally(answers)), [8]);
  });
  await t.step("ports around it are refused", async () => {
    for (const port of [80, 442, 444, 8002, 8006]) {
      const { code, stderr } = await request(VIP, port);
      assert.equal(code, 7, `port ${port}: ${stderr}`);
      assert.match(stderr, /refused|Couldn't connect/);
    }
  });
  await t.step("any port is served where a server listens, and the servers refuse the others", async () => {
    const answers = [];
    for (const port of [80, 443, 8000, 8019]) answers.push((await request(everywhere, port)).stdout.trim());
    assert.deepEqual(answers, ["rs1", "rs2", "rs1", "rs2"]);
    assert.equal((await request(everywhere, 65_535)).code, 7);
    await cluster.untilStatus(
      "all five were forwarded",
      (snapshot) => serviceOf(snapshot, "all").connections === 5,
    );
  });
});
