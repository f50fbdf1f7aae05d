import assert from "node:assert/strict";
import type { LabHost } from "../../lab/topology.ts";
import { selfCommand } from "../../lab/self_command.ts";
import { allUp, obstacle, RealCluster, serverOf, tally, VIP } from "./real_cluster.ts";

const VIP6 = "2001:db8::10";
const HEALTH = { type: "tcp", port: 80, interval: "200ms", timeout: "190ms", rise: 1, fall: 2 } as const;

/** The host's IPv6 address, which ends like its IPv4 one. */
function address6({ address }: LabHost): string {
  return `2001:db8::${address.split(".")[3]}`;
}

/** Takes away what the cluster hardened the real servers with, and gives every host an IPv6 address. */
async function prepare({ client, director, realServers }: RealCluster): Promise<void> {
  for (const host of [client, director, ...realServers]) {
    await host.namespace.ip([`address add ${address6(host)}/64 dev eth0 nodad`]);
  }
  for (const { namespace } of realServers) {
    await namespace.ip([`address delete ${VIP}/32 dev lo`]);
    await namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0, "net.ipv4.conf.all.arp_announce": 0 });
  }
}

/** Starts nginx for both families on every real server. */
async function startWeb(cluster: RealCluster): Promise<void> {
  for (const server of cluster.realServers) {
    const file = cluster.file(`${server.name}.conf`);
    await Deno.writeTextFile(
      file,
      `daemon off; user root; pid ${file}.pid; error_log stderr; events {} http { access_log off;
      server { listen 80; listen [::]:80; default_type text/plain; location / { return 200 "${server.name}\\n"; } } }`,
    );
    cluster.spawn(server, "nginx", ["-c", file, "-e", "stderr"]);
  }
}

Deno.test(
  `one configuration makes real servers and a director serve VIPs of both families${
    obstacle === null ? "" : ` (skipped: ${obstacle})`
  }`,
  { ignore: obstacle !== null },
  async () => {
    await using cluster = await RealCluster.create({ realServers: 2, web: false });
    const { client, director, realServers } = cluster;
    const [one, other] = realServers;
    await prepare(cluster);
    await startWeb(cluster);
    const settings = { realserver: { status: { port: 8481, token: "a-long-enough-secret" } } };
    const services = [
      {
        name: "web",
        vip: VIP,
        port: 80,
        scheduler: "rr" as const,
        health: HEALTH,
        servers: cluster.servers(),
      },
      {
        ...{ name: "web6", vip: VIP6, port: 80, scheduler: "rr" as const, health: HEALTH },
        servers: realServers.map((server) => ({ address: address6(server) })),
      },
    ];
    const config = cluster.file("realserver.yaml");
    await Deno.writeTextFile(config, JSON.stringify({ ...settings, services }));
    for (const server of realServers) {
      await server.namespace.setSysctls({
        "net.ipv4.conf.all.rp_filter": 0,
        "net.ipv4.conf.eth0.rp_filter": 0,
      });
      const [program, ...args] = selfCommand([
        ...["realserver", "-c", config, "--run-dir", cluster.file(`${server.name}-run`)],
        ...(server === other ? ["--no-repair"] : []),
      ]);
      cluster.spawn(server, program, args);
    }
    const log = ({ name }: LabHost) => Deno.readTextFileSync(cluster.file(`${name}.log`));
    await cluster.until("both hold", () => realServers.every((server) => log(server).includes("holding")));
    for (const server of realServers) {
      assert.match(log(server), new RegExp(`verified: VIP ${VIP6}: ${VIP6}/128 on lo`));
    }
    // Somebody changes one of them, in a way that keeps nobody from being served: all clients are on its own link.
    await other!.namespace.setSysctls({ "net.ipv4.conf.all.rp_filter": 1 });
    await cluster.until("it is noticed", () => log(other!).includes("drift: rp_filter on eth0"));

    await cluster.startDirector(services, settings);
    const snapshot = await cluster.untilStatus(
      "every real server was asked about its host",
      (status) =>
        allUp(status) && status.services.every(({ servers }) => servers.every(({ host }) => host !== null)),
    );
    const told = (service: string, host: LabHost, address: string) => {
      const { host: report } = serverOf(snapshot, service, { ...host, address });
      return report?.kind === "told" ? report.wrongFacts : report;
    };
    for (
      const [service, addressOf] of [["web", (host: LabHost) => host.address], ["web6", address6]] as const
    ) {
      assert.deepEqual(told(service, one!, addressOf(one!)), [], service);
      assert.deepEqual(told(service, other!, addressOf(other!)), ["rp_filter on eth0"], service);
    }
    const [program, ...args] = selfCommand(["status", "--run-dir", cluster.runDir]);
    const { stdout } = await director.namespace.run(program, args);
    assert.match(stdout, /host audit: ok; load \d+\.\d\d on \d+ CPU/);
    assert.match(stdout, /192\.0\.2\.22 says of its own host: 1 fact wrong: rp_filter on eth0/);

    assert.deepEqual(tally(await cluster.ask(4)), { [one!.name]: 2, [other!.name]: 2 });
    const urls = new Array<string>(4).fill(`http://[${VIP6}]/`);
    const curl = ["-6", "-gsS", "--fail", "--max-time", "30", "-H", "Connection: close", ...urls];
    const answers = (await client.namespace.require("curl", curl)).trim().split("\n");
    assert.deepEqual(tally(answers), { [one!.name]: 2, [other!.name]: 2 });

    // Whoever asks finds the director, and nobody else, as often as it is asked.
    for (let round = 0; round < 3; round++) {
      await client.namespace.require("ip", ["-6", "neighbor", "flush", "dev", "eth0"]);
      await client.namespace.require("ping", ["-6", "-c", "1", "-W", "5", VIP6]);
      const neighbor = await client.namespace.require("ip", ["-6", "neighbor", "show", VIP6]);
      assert.match(neighbor, new RegExp(`lladdr ${director.mac} `));
    }
  },
);
