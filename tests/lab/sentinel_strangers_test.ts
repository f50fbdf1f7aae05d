import assert from "node:assert/strict";
import { selfCommand } from "../../lab/self_command.ts";
import {
  CLIENT_ADDRESS,
  configText,
  DirectorNetwork,
  obstacle,
  until,
  VIP,
  type WebHost,
} from "./director_network.ts";
import { cleared, obey, raised } from "./sentinel_alarms.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const SERVED = `rs1 ${CLIENT_ADDRESS}`;

/** A proxy answers for what it would send out of another interface; here that is all but director and client. */
async function becomeProxy({ namespace, address }: WebHost): Promise<void> {
  await namespace.ip([
    `addr del ${VIP}/32 dev lo`,
    `addr del ${address}/24 dev eth0`,
    `addr add ${address}/32 dev eth0`,
    "link add elsewhere type veth peer name far",
    "link set elsewhere up",
    "link set far up",
    "route add 192.0.2.2/32 dev eth0",
    "route add 192.0.2.100/32 dev eth0",
    "route add 192.0.2.0/24 dev elsewhere",
  ]);
  await namespace.setSysctls({ "net.ipv4.ip_forward": 1, "net.ipv4.conf.eth0.proxy_arp": 1 });
}

Deno.test(
  `the sentinel tells a host that has the VIP, a proxy, a VIP/24 and another director apart, and its commands help${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(4);
    const [server, holder, proxy, rival] = network.servers as [WebHost, WebHost, WebHost, WebHost];
    const config = configText({ servers: [[21, 1]] });
    const director = await network.startDirector(config);

    await holder.namespace.ip([`addr del ${VIP}/32 dev lo`, `addr add ${VIP}/24 dev eth0`]);
    await becomeProxy(proxy);
    // With such a prefix it answers for the whole subnet, and reaches nobody in it.
    await server.namespace.ip([`addr del ${VIP}/32 dev lo`, `addr add ${VIP}/24 dev lo`]);
    await server.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    await network.arpAnswers(VIP, 1);
    const stranger = await raised(director, "stranger", holder.mac);
    assert.deepEqual([stranger.realServer, stranger.host], [null, `the host with MAC ${holder.mac}`]);
    assert.match(
      stranger.sentence,
      /no real server of this director, answers for 192\.0\.2\.10: it has the VIP/,
    );
    const proxied = await raised(director, "proxy_arp", proxy.mac);
    assert.match(proxied.sentence, /answers ARP for 192\.0\.2\.10 and for addresses that nobody has/);
    const prefixed = await raised(director, "vip_answered_by_other", server.mac);
    assert.match(
      prefixed.sentence,
      /^192\.0\.2\.21 answers ARP for 192\.0\.2\.10 .*, and for addresses that nobody has: it holds the VIP with a prefix/,
    );
    assert.equal((await director.status())!.alarms.length, 3, "one for each host");

    await obey(network, holder.namespace, stranger);
    await obey(network, proxy.namespace, proxied);
    await obey(network, server.namespace, prefixed);
    for (const { mac } of [holder, proxy, server]) await cleared(director, mac);
    assert.deepEqual((await director.status())!.alarms, []);
    assert.equal(await until("clients are served again", () => network.request().catch(() => null)), SERVED);

    const file = `${network.folder}/rival.yaml`;
    await Deno.writeTextFile(file, config.replace(/^status: .*$/m, "status: { listen: off }"));
    const [program, ...args] = selfCommand(["director", "-c", file, "--run-dir", `${network.folder}/rival`]);
    network.start(rival.namespace, program, ...args);
    const duplicate = await raised(director, "duplicate_director", rival.mac);
    assert.match(duplicate.sentence, /announces and answers for 192\.0\.2\.10 as a director does/);
    const { code, stdout } = await rival.namespace.run("bash", ["-c", duplicate.command]);
    assert.equal(code, 0);
    assert.match(stdout, /lo +inet 192\.0\.2\.10\/32/, "the command shows where the VIP is");
  },
);
