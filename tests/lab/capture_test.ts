import assert from "node:assert/strict";
import { compile } from "./connections_client.ts";
import { framesOf, INTERFACE, obstacle, RealCluster, serviceOf, VIP } from "./real_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Far more than a director takes from its ring in the time they arrive in, and less than the ring holds. */
const BURST = 10_000;
const AT_ONCE = 100_000_000;

Deno.test(`a burst of ${BURST} small frames finds room${needing}`, { ignore }, async () => {
  await using cluster = await RealCluster.create({ realServers: 1 });
  const flooder = await compile(cluster, "connections_flood");
  await cluster.startDirector([{ name: "web", vip: VIP, port: 80, servers: cluster.servers() }]);
  const before = serviceOf(await cluster.status(), "web").connections;
  await cluster.client.namespace.require(flooder, [
    ...[INTERFACE, cluster.client.mac, cluster.director.mac, VIP, "80", String(BURST), String(AT_ONCE)],
  ]);
  const after = await cluster.untilStatus(
    "every frame is taken or lost",
    (status) => serviceOf(status, "web").connections - before + status.datapath.captureDrops >= BURST,
  );
  assert.equal(after.datapath.captureDrops, 0);
  assert.ok(framesOf(after, "forwarded") >= BURST);
});
