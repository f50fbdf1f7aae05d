import assert from "node:assert/strict";
import {
  CLIENT,
  CLIENT_OF_OTHER_NETWORK,
  CLIENT_OF_SAME_NETWORK,
  framesOf,
  obstacle,
  RealCluster,
  type ServiceInput,
  VIP,
} from "./real_cluster.ts";
import { fileHash, SlowDownload } from "./slow_transfer.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const LIMIT = 5;
const ATTEMPTS = 50;
/** More than the hosts between can hold. */
const DOWNLOAD_BYTES = 64 * 2 ** 20;

/** How many of `count` connections that a client opens at once are answered, and in how many seconds they were. */
async function answeredOf(
  cluster: RealCluster,
  count: number,
  { from = CLIENT, port = 80 } = {},
): Promise<{ answered: number; seconds: number }> {
  const startMs = performance.now();
  const { stdout } = await cluster.client.namespace.run("curl", [
    ...["--silent", "--parallel", "--parallel-immediate", "--parallel-max", String(count)],
    // A lost SYN comes again after a second: that would be another connection to count.
    ...["--connect-timeout", "0.9", "--interface", from, "--output", "/dev/null"],
    ...["--write-out", "%{http_code}\n", `http://${VIP}:${port}/?[1-${count}]`],
  ]);
  const answered = stdout.split("\n").filter((code) => code === "200").length;
  return { answered, seconds: (performance.now() - startMs) / 1_000 };
}

Deno.test(`a service serves whom it allows, and each source within its limit; a download goes on${needing}`, {
  ignore,
}, async () => {
  await using cluster = await RealCluster.create({ realServers: 2 });
  for (const { name } of cluster.realServers) {
    await Deno.truncate(cluster.file(`${name}/healthz`), DOWNLOAD_BYTES);
  }
  const web: ServiceInput = {
    name: "web",
    vip: VIP,
    port: 80,
    new_connections_per_source: LIMIT,
    servers: cluster.servers(),
  };
  const office: ServiceInput = {
    name: "office",
    vip: VIP,
    port: 443,
    allow: ["192.0.2.0/24"],
    deny: [CLIENT_OF_SAME_NETWORK],
    servers: cluster.servers(),
  };
  await cluster.startDirector([web, office]);

  const allowed = async (from: string) => (await answeredOf(cluster, 1, { from, port: 443 })).answered;
  assert.equal(await allowed(CLIENT), 1);
  assert.equal(await allowed(CLIENT_OF_SAME_NETWORK), 0, "it is denied");
  assert.equal(await allowed(CLIENT_OF_OTHER_NETWORK), 0, "it is not in a network that is allowed");

  const download = new SlowDownload(cluster.client.namespace, `http://${VIP}/healthz`);
  await download.receive(1);
  const burst = await answeredOf(cluster, ATTEMPTS);
  assert.ok(burst.answered >= LIMIT - 1, `${burst.answered} answered`);
  assert.ok(burst.answered <= LIMIT + LIMIT * burst.seconds, `${burst.answered} in ${burst.seconds} s`);
  const other = await answeredOf(cluster, LIMIT, { from: CLIENT_OF_OTHER_NETWORK });
  assert.equal(other.answered, LIMIT, "another source has its own");
  await cluster.untilStatus(
    "all that was refused is counted",
    (snapshot) =>
      framesOf(snapshot, "dropped_source_limit") >= ATTEMPTS - burst.answered &&
      framesOf(snapshot, "dropped_denied") >= 2,
  );

  await cluster.reload([{ ...web, deny: [CLIENT] }, office]);
  assert.equal((await answeredOf(cluster, 1)).answered, 0, "it is denied from now on");
  const hash = await download.finish();
  assert.equal(hash, await fileHash(cluster.file("rs1/healthz")), "what it had opened before is kept");
});
