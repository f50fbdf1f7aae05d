import assert from "node:assert/strict";
import { isInstalled } from "../../host/command.ts";
import type { Process } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import {
  CLIENT_ADDRESS,
  configText,
  DIRECTOR_MAC,
  DirectorNetwork,
  obstacle as namespaceObstacle,
  until,
  VIP,
  type WebHost,
} from "./director_network.ts";
import { cleared, obey, raised } from "./sentinel_alarms.ts";

const obstacle = namespaceObstacle ?? (isInstalled("keepalived") ? null : "keepalived is not installed");
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

/** Takes the VIP over by VRRP, at once. */
async function startKeepalived(network: DirectorNetwork, { name, namespace }: WebHost): Promise<Process> {
  const file = `${network.folder}/${name}-keepalived.conf`;
  await Deno.writeTextFile(
    file,
    `global_defs { vrrp_version 3 }
    vrrp_instance web { interface eth0\n virtual_router_id 7\n priority 200\n advert_int 0.1\n state MASTER
      virtual_ipaddress { ${VIP}/32 dev eth0 } }`,
  );
  const pids = ["-p", `${file}.pid`, "-r", `${file}.vrrp.pid`];
  return network.start(namespace, "keepalived", "-n", "-P", "-f", file, ...pids);
}

/** Addresses of an interface, for example `192.0.2.23/24`. */
async function addressesOf({ namespace }: WebHost, device: string): Promise<string[]> {
  const listing = await namespace.require("ip", ["-o", "-4", "address", "show", "dev", device]);
  return [...listing.matchAll(/ inet (\S+)/g)].map(([, address]) => address!);
}

Deno.test(
  `the sentinel tells a host that has the VIP, a proxy, a VIP/24 and another director apart, and its commands help${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(4);
    const [server, holder, proxy, rival] = network.servers as [WebHost, WebHost, WebHost, WebHost];
    const config = configText({ servers: [[21, 1]] });
    const director = await network.startDirector(config);

    // It has the VIP as its first address of the subnet, so that the other goes with it.
    await holder.namespace.ip([
      `addr del ${VIP}/32 dev lo`,
      `addr del ${holder.address}/24 dev eth0`,
      `addr add ${VIP}/24 dev eth0`,
      `addr add ${holder.address}/24 dev eth0`,
    ]);
    await holder.namespace.setSysctls({
      "net.ipv4.conf.all.promote_secondaries": 0,
      "net.ipv4.conf.eth0.promote_secondaries": 0,
    });
    await becomeProxy(proxy);
    await proxy.namespace.ip(["link add cali0 type veth peer name container", "link set cali0 up"]);
    await proxy.namespace.setSysctls({ "net.ipv4.conf.cali0.proxy_arp": 1 });
    // With such a prefix it answers for the whole subnet, and reaches nobody in it.
    await server.namespace.ip([`addr del ${VIP}/32 dev lo`, `addr add ${VIP}/24 dev lo`]);
    await server.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    await network.arpAnswers(VIP, 1);
    const stranger = await raised(director, "stranger", holder.mac);
    assert.deepEqual([stranger.realServer, stranger.host], [null, `the host with MAC ${holder.mac}`]);
    assert.match(
      stranger.sentence,
      /no real server of this director, answers for 192\.0\.2\.10: .*; the command takes the VIP off the interfaces/,
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
    assert.deepEqual(await addressesOf(holder, "eth0"), [`${holder.address}/24`]);
    const proxies = await proxy.namespace.require("sysctl", ["-ar", "conf\\.(all|eth0|cali0)\\.proxy_arp$"]);
    assert.deepEqual(proxies.trim().split("\n"), [
      "net.ipv4.conf.all.proxy_arp = 0",
      "net.ipv4.conf.cali0.proxy_arp = 1",
      "net.ipv4.conf.eth0.proxy_arp = 0",
    ]);
    assert.deepEqual((await director.status())!.alarms, []);
    assert.equal(await until("clients are served again", () => network.request().catch(() => null)), SERVED);

    const file = `${network.folder}/rival.yaml`;
    await Deno.writeTextFile(file, config.replace(/^status: .*$/m, "status: { listen: off }"));
    const [program, ...args] = selfCommand(["director", "-c", file, "--run-dir", `${network.folder}/rival`]);
    const rivals = [
      [rival, network.start(rival.namespace, program, ...args)],
      [holder, await startKeepalived(network, holder)],
    ] as const;
    for (const [{ mac, namespace }, second] of rivals) {
      const duplicate = await raised(director, "duplicate_director", mac);
      assert.match(duplicate.sentence, /announces and answers for 192\.0\.2\.10 as a director does/);
      const astray = await network.director.run("sh", ["-c", duplicate.command]);
      assert.equal(astray.code, 1, "another host than the one it is for");
      await obey(network, namespace, duplicate);
      assert(second.hasEnded);
    }
    assert.deepEqual(new Set(await network.arpAnswers(VIP, 2)), new Set([DIRECTOR_MAC]));
    assert(!director.process.hasEnded);
  },
);
