import assert from "node:assert/strict";
import { Namespace } from "../../lab/namespace.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { configText, DirectorNetwork, obstacle } from "./director_network.ts";
import { addRule, clusterText, serveFromContainer, verifyJson } from "./sentinel_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Published by one host, which says of six SYNs, and then of one a second, that they have expired. */
const PORTS = Array.from({ length: 16 }, (_, index) => 8_000 + index);
const SERVICES = PORTS.slice(0, 8);
const OBSERVED_MS = 5_000;

Deno.test(
  `a container host with many published ports passes verify and, again and again, its dr checks${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const [server] = network.servers;
    const container = await serveFromContainer(network, server!);
    try {
      const rule = `fib daddr type local tcp dport { ${PORTS.join(", ")} } dnat to 10.9.9.2:80`;
      await addRule(server!, "type nat hook prerouting priority dstnat;", rule);

      const director = await network.startDirector(configText(...SERVICES.map((port) => ({
        name: `s${port}`,
        settings: [
          `port: ${port}`,
          `health: { type: dr, port: ${port}, interval: 1s, timeout: 900ms, rise: 1, fall: 2 }`,
        ],
        servers: [[21, 1]] as const,
      }))));
      const checkedAt = ({ services }: StatusSnapshot) =>
        services.map(({ servers }) => Date.parse(servers[0]!.lastCheck!.at));
      const from = checkedAt((await director.status())!);

      const ranges = clusterText([server!]).replace("port: 80\n", "ports: [8000-8015]\n");
      const { proofs, findings } = await verifyJson(network, ranges);
      assert.deepEqual(proofs.map(({ outcome }) => outcome.verdict), PORTS.map(() => "ok"));
      assert.deepEqual(findings, []);

      const after = await director.waitFor(
        "every port has been checked for a while",
        (status) => checkedAt(status).every((at, index) => at - from[index]! > OBSERVED_MS),
      );
      assert.deepEqual(after.services.map(({ servers }) => servers[0]!.state), SERVICES.map(() => "up"));
      assert.deepEqual(await director.messages("realserver.down"), []);
    } finally {
      await Namespace.remove(container.name);
    }
  },
);
