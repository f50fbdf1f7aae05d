import assert from "node:assert/strict";
import { selfCommand } from "../../lab/self_command.ts";
import { obstacle, RealCluster, tally, VIP } from "./real_cluster.ts";

/** A port of the VIP on which no real server listens, so that a check of it would fail. */
const PORT = 81;

Deno.test(
  `both roles translate a service's port to each server's own, and the health check asks there${
    obstacle === null ? "" : ` (skipped: ${obstacle})`
  }`,
  { ignore: obstacle !== null },
  async () => {
    await using cluster = await RealCluster.create({ realServers: 2 });
    const [one, other] = cluster.realServers;
    const servers = [{ address: one!.address, port: 8005 }, { address: other!.address, port: 8006 }];
    await cluster.startDirector([{ vip: VIP, port: PORT, scheduler: "rr", servers }], {
      realserver: { method: "redirect" },
    });
    for (const server of cluster.realServers) {
      await server.namespace.ip([`address delete ${VIP}/32 dev lo`]);
      const [program, ...args] = selfCommand([
        ...["realserver", "--config", cluster.file("cluster.yaml")],
        ...["--run-dir", cluster.file(`${server.name}-run`)],
      ]);
      cluster.spawn(server, program, args);
    }
    await cluster.until(
      "both hold",
      () =>
        cluster.realServers.every(({ name }) =>
          Deno.readTextFileSync(cluster.file(`${name}.log`)).includes("holding")
        ),
    );
    assert.deepEqual(tally(await cluster.ask(10, { port: PORT })), { [one!.name]: 5, [other!.name]: 5 });
  },
);
