import assert from "node:assert/strict";
import { compile, HeldConnections } from "./connections_client.ts";
import {
  HEALTH,
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

Deno.test(`a full server gets no connection until it has fewer than min_connections${needing}`, {
  ignore,
}, async () => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  const program = await compile(cluster, "connections_client");
  const [limited, free] = cluster.realServers.map(({ address }) => address);
  await cluster.startDirector([{
    name: "web",
    vip: VIP,
    port: 80,
    scheduler: "rr",
    timeouts: { fin: "100ms" },
    servers: [
      { address: limited!, max_connections: 4, min_connections: 2 },
      { address: free! },
    ],
  }]);
  const limitedServer = cluster.realServers[0]!;
  const untilTotal = (total: number) =>
    cluster.untilStatus(`rs1 has ${total} connections`, (snapshot) => {
      const { activeConnections, inactiveConnections } = serverOf(snapshot, "web", limitedServer);
      return activeConnections + inactiveConnections === total;
    });
  const open = (count: number) => HeldConnections.open(cluster, program, count);

  await using one = await open(1);
  assert.deepEqual(one.first, ["rs1"]);
  let two: HeldConnections | null = await open(4);
  let three: HeldConnections | null = await open(2);
  try {
    assert.deepEqual(two.first, ["rs2", "rs1", "rs2", "rs1"]);
    // The fourth fills it, and all others go elsewhere.
    assert.deepEqual(three.first, ["rs2", "rs1"]);
    assert.deepEqual(await cluster.ask(6), Array.from({ length: 6 }, () => "rs2"));
    await cluster.untilStatus(
      "rs1 counts as overloaded",
      (status) => serverOf(status, "web", limitedServer).isOverloaded,
    );
    // Its connections go on.
    assert.deepEqual(await three.ask(), ["rs2", "rs1"]);

    // 2 of 4 are not fewer than 2.
    await two[Symbol.asyncDispose]();
    two = null;
    const between = await untilTotal(2);
    assert.ok(serverOf(between, "web", limitedServer).isOverloaded);
    assert.deepEqual(await cluster.ask(4), Array.from({ length: 4 }, () => "rs2"));

    await three[Symbol.asyncDispose]();
    three = null;
    const below = await untilTotal(1);
    assert.ok(!serverOf(below, "web", limitedServer).isOverloaded);
    assert.deepEqual(tally(await cluster.ask(2)), { rs1: 1, rs2: 1 });
  } finally {
    await two?.[Symbol.asyncDispose]();
    await three?.[Symbol.asyncDispose]();
  }
});

Deno.test(`a server that failed and comes back gets its weight, and its share, in steps${needing}`, {
  ignore,
}, async () => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  const web: ServiceInput = {
    name: "web",
    vip: VIP,
    port: 80,
    scheduler: "wrr",
    slow_start: "6s",
    health: HEALTH,
    servers: cluster.servers({ weight: 10 }),
  };
  await cluster.startDirector([web]);
  const returning = cluster.realServers[0]!;
  // A first start is no return: full weight at once.
  assert.equal(serverOf(await cluster.status(), "web", returning).effectiveWeight, 10);

  await cluster.setHealthy(returning, false);
  await cluster.untilStatus(
    "rs1 is down",
    (snapshot) => serverOf(snapshot, "web", returning).state === "down",
  );
  assert.deepEqual(tally(await cluster.ask(6)), { rs2: 6 });

  await cluster.setHealthy(returning, true);
  const weights: number[] = [];
  // Before its weight can have grown far it gets far fewer than half of the connections.
  await cluster.untilStatus(
    "rs1 is used",
    (snapshot) => serverOf(snapshot, "web", returning).effectiveWeight > 0,
  );
  const early = tally(await cluster.ask(11));
  await cluster.untilStatus("rs1 has its full weight", (snapshot) => {
    const { effectiveWeight } = serverOf(snapshot, "web", returning);
    if (weights.at(-1) !== effectiveWeight) weights.push(effectiveWeight);
    return effectiveWeight === 10;
  });
  assert.deepEqual(weights, weights.toSorted((one, other) => one - other));
  assert.ok(weights[0]! < 10, `first weight seen: ${weights[0]}`);
  assert.ok(weights.length >= 4, `weights seen: ${weights}`);
  assert.ok((early["rs1"] ?? 0) <= 3, `share while it starts slowly: ${JSON.stringify(early)}`);
  const { servers } = serviceOf(await cluster.status(), "web");
  assert.deepEqual(servers.map(({ effectiveWeight }) => effectiveWeight), [10, 10]);
  assert.deepEqual(tally(await cluster.ask(20)), { rs1: 10, rs2: 10 });
});
