import assert from "node:assert/strict";
import { runCommand } from "../../host/command.ts";
import { selfCommand } from "../../lab/self_command.ts";
import { SCHEDULER_NAMES } from "../../model/config.ts";
import { ExitCode } from "../../model/exit_code.ts";
import type { Explanation } from "../../model/explanation.ts";
import { CLIENT, CLIENT_OF_OTHER_NETWORK, obstacle, RealCluster, serviceOf, VIP } from "./real_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const FIRST_PORT = 8000;
const CONNECTIONS = 2;
const EXPLANATIONS = 2;

/** Asks the director as `lvsdr explain` does. */
async function explanationOf(cluster: RealCluster, client: string, target: string): Promise<Explanation> {
  using http = Deno.createHttpClient({
    proxy: { transport: "unix", path: `${cluster.runDir}/director.sock` },
  });
  const query = new URLSearchParams({ client, target, protocol: "tcp" });
  const response = await fetch(`http://director/api/v1/explain?${query}`, { client: http });
  assert.equal(response.status, 200, response.ok ? "" : await response.text());
  return await response.json();
}

async function explain(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [program, ...rest] = selfCommand(["explain", ...args]);
  return await runCommand(program, rest);
}

/** Who answers a connection from one port of the client. */
async function answerTo(cluster: RealCluster, clientPort: number, port: number): Promise<string> {
  const output = await cluster.client.namespace.require("curl", [
    ...["--silent", "--show-error", "--fail", "--max-time", "30", "--interface", CLIENT],
    ...["--local-port", String(clientPort), "--header", "Connection: close", `http://${VIP}:${port}/`],
  ]);
  return output.trim();
}

Deno.test(
  `a connection goes where lvsdr explain says, with every scheduler, however often it is asked${needing}`,
  {
    ignore,
  },
  async () => {
    await using cluster = await RealCluster.create();
    const [first, second, third] = cluster.servers();
    const servers = [{ ...first!, weight: 3 }, second!, { ...third!, weight: 2 }];
    await cluster.startDirector([
      ...SCHEDULER_NAMES.map((scheduler, index) => ({
        name: scheduler,
        vip: VIP,
        port: FIRST_PORT + index,
        scheduler,
        health: "none" as const,
        servers,
      })),
      {
        name: "shop",
        vip: VIP,
        port: 80,
        scheduler: "sh",
        scheduler_options: ["sh-port"],
        persistence: { timeout: "5m" },
        deny: [CLIENT_OF_OTHER_NETWORK],
        new_connections_per_source: 100,
        servers,
      },
    ]);
    const nameOf = (address: string | null | undefined) =>
      cluster.realServers.find((server) => server.address === address)?.name;

    for (const [index, scheduler] of SCHEDULER_NAMES.entries()) {
      const port = FIRST_PORT + index;
      for (let connection = 0; connection < CONNECTIONS; connection++) {
        const clientPort = 40_000 + 10 * index + connection;
        const ask = () => explanationOf(cluster, `${CLIENT}:${clientPort}`, `${VIP}:${port}`);
        // What is left of the connection before arrives when its curl is gone, and counts for some schedulers.
        await cluster.until("it is closed", async () => {
          const { servers } = (await ask()).decision;
          return servers.every(({ activeConnections }) => activeConnections === 0);
        });
        const { decision } = await ask();
        assert.equal(decision.service, scheduler);
        assert.equal(decision.connection, null);
        for (let count = 1; count < EXPLANATIONS; count++) {
          assert.equal((await ask()).decision.sent?.server, decision.sent?.server, scheduler);
        }
        assert.equal(await answerTo(cluster, clientPort, port), nameOf(decision.sent?.server), scheduler);
      }
    }
    const after = await explanationOf(cluster, `${CLIENT}:40000`, `${VIP}:${FIRST_PORT}`);
    assert.notEqual(after.decision.connection, null, "the connection that was made is known");
    const { services } = await cluster.untilStatus(
      "every connection is counted",
      (status) => SCHEDULER_NAMES.every((name) => serviceOf(status, name).connections >= CONNECTIONS),
    );
    for (const { name, connections } of services) {
      assert.equal(connections, name === "shop" ? 0 : CONNECTIONS, "explanations count nothing");
    }

    const { kernel } = await explanationOf(cluster, CLIENT, "192.0.2.77:80");
    assert.equal(kernel.guard, null, "the guard drops what is for a VIP, and nothing else");

    const runDir = ["--run-dir", cluster.runDir];
    const served = await explain(`${CLIENT}:41000`, `${VIP}:80`, ...runDir);
    assert.equal(served.code, ExitCode.OK, served.stderr);
    for (
      const words of [
        /^Service +shop, ports 80, untagged, scheduler sh, by the client's port too$/m,
        /^Admission +allowed: the service keeps nobody out\n +192\.0\.2\.100 may open 100 more at once/m,
        /^Connection +none known to worker [01], which has this client$/m,
        /^Persistence +no template for 192\.0\.2\.100\/32$/m,
        /usable {2}3 .* \(\d+ s ago\) /,
        /^Outcome +forwarded: passed on to a real server, 192\.0\.2\.\d+$/m,
        /^Frame +out by eth0, untagged, to [\da-f:]{17} from [\da-f:]{17}, TTL 63 if it came with 64$/m,
        /^Kernel +never sees it: nft table netdev lvsdr_director_eth0 drops it/m,
      ]
    ) assert.match(served.stdout, words);
    assert.equal(
      await answerTo(cluster, 41_000, 80),
      nameOf(/real server, ([\d.]+)/.exec(served.stdout)?.[1]),
    );
    const denied = await explain(`${CLIENT_OF_OTHER_NETWORK}:41000`, `${VIP}:80`, ...runDir);
    assert.equal(denied.code, ExitCode.FAILED);
    assert.match(denied.stdout, /new connections denied: 198\.51\.100\.7\/32 is in deny[^]*dropped_denied/);
    const portless = await explain(CLIENT, `${VIP}:80`, ...runDir);
    assert.equal(portless.code, ExitCode.USAGE);
    assert.match(portless.stderr, /Service "shop" chooses by the client's port too\n.*192\.0\.2\.100:PORT/);
    const nowhere = await explain(CLIENT, `${VIP}:81`, ...runDir);
    assert.match(nowhere.stdout, /none has TCP 192\.0\.2\.10:81\n +nearest: rr: TCP 192\.0\.2\.10:8000/);
  },
);
