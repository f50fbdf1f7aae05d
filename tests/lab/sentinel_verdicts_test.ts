import assert from "node:assert/strict";
import { Namespace } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import type { Finding } from "../../sentinel/finding.ts";
import { configText, DirectorNetwork, obstacle, VIP, type WebHost } from "./director_network.ts";
import {
  addRule,
  arpVerdict,
  clusterText,
  pathVerdicts,
  PROBE_ADDRESS,
  serveFromContainer,
  untilSilent,
  verifyJson,
} from "./sentinel_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const REMOVE_VIP = [`addr del ${VIP}/32 dev lo`];

/** A way to break a real server, and what verify says of it. */
interface Fault {
  readonly what: string;
  breaks(server: WebHost, network: DirectorNetwork): Promise<unknown>;
  readonly arp: string;
  readonly path: string;
  /** What the problem says; `null` means there is none. */
  readonly problem: RegExp | null;
  /** Whether the command of the finding mends it. */
  readonly isMendedByCommand?: boolean;
}

const FAULTS: readonly Fault[] = [
  { what: "nothing", breaks: () => Promise.resolve(), arp: "hardened", path: "ok", problem: null },
  {
    what: "VIP missing",
    breaks: ({ namespace }) => namespace.ip(REMOVE_VIP),
    arp: "hardened",
    path: "vip_missing",
    problem: /does not have the VIP, or a firewall drops/,
    isMendedByCommand: true,
  },
  {
    what: "VIP missing and forwarding, while another real server answers ARP for the VIP",
    breaks: async ({ namespace }) => {
      await namespace.ip(REMOVE_VIP);
      await namespace.setSysctls({ "net.ipv4.ip_forward": 1 });
    },
    arp: "hardened",
    path: "forwards",
    problem: /does not have 192\.0\.2\.10 and tries to forward/,
    isMendedByCommand: true,
  },
  {
    what: "application down",
    breaks: async (server, network) => {
      await network.stopWeb(server);
      await untilSilent(server);
    },
    arp: "hardened",
    path: "not_listening",
    problem: /no application listens/,
  },
  {
    what: "ARP unhardened",
    breaks: ({ namespace }) => namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 }),
    arp: "answers",
    path: "ok",
    problem: /answers ARP for 192\.0\.2\.10 \(with 02:00:00:00:00:19\)/,
    isMendedByCommand: true,
  },
  {
    what: "arp_announce 1",
    breaks: ({ namespace }) => namespace.setSysctls({ "net.ipv4.conf.all.arp_announce": 1 }),
    arp: "hardened",
    path: "leaks",
    problem: /asks by ARP with 192\.0\.2\.10 as sender/,
    isMendedByCommand: true,
  },
  {
    what: "rp_filter strict and the route back elsewhere",
    breaks: async ({ namespace }) => {
      await namespace.ip([
        "link add other type veth peer name far",
        "link set other up",
        "link set far up",
        `route add ${PROBE_ADDRESS}/32 dev other`,
      ]);
      await namespace.setSysctls({ "net.ipv4.conf.all.rp_filter": 1 });
    },
    arp: "hardened",
    path: "source_refused",
    problem: /refuses packets from 192\.0\.2\.200/,
  },
  {
    what: "source rewritten",
    breaks: (server) => {
      const rule = `ip saddr ${VIP} tcp sport 80 notrack ip saddr set ${server.address}`;
      return addRule(server, "type filter hook output priority raw;", rule);
    },
    arp: "hardened",
    path: "wrong_source",
    problem: /from 192\.0\.2\.28: a client does not recognise/,
  },
  {
    what: "firewall rejects",
    breaks: (server) => {
      const chain = "type filter hook input priority 0;";
      return addRule(server, chain, "tcp dport 80 reject with icmp type admin-prohibited");
    },
    arp: "hardened",
    path: "rejected",
    problem: /rejects connections to 192\.0\.2\.10:80 \(ICMP destination unreachable, code 13\)/,
  },
  {
    what: "firewall drops",
    breaks: (server) => addRule(server, "type filter hook input priority 0;", "tcp dport 80 drop"),
    arp: "hardened",
    path: "dropped",
    problem: /answers ping for 192\.0\.2\.10, but drops/,
  },
  {
    what: "answers by way of a router",
    breaks: async ({ namespace }, { client }) => {
      await client.setSysctls({ "net.ipv4.ip_forward": 1 });
      await namespace.ip([`route add ${PROBE_ADDRESS}/32 via 192.0.2.100`]);
    },
    arp: "hardened",
    path: "ok_other_mac",
    problem: null,
  },
  {
    what: "off the link",
    breaks: ({ namespace }) => namespace.ip(["link set eth0 down"]),
    arp: "unreachable",
    path: "unreachable",
    problem: /does not answer ARP for its own address/,
  },
  {
    what: "nothing, and the application in a container",
    breaks: async (server, network) => void containers.push(await serveFromContainer(network, server)),
    arp: "hardened",
    path: "ok",
    problem: null,
  },
];

const containers: Namespace[] = [];

/** Types the command of a finding on its host. */
async function obey({ host, command }: Finding, network: DirectorNetwork): Promise<void> {
  const { namespace } = network.servers.find(({ address }) => address === host)!;
  const [program, ...words] = command.split(" ");
  assert.equal(program, "lvsdr");
  const [self, ...args] = selfCommand([...words, "--once", "--run-dir", `${network.folder}/${host}`]);
  await namespace.require(self, args);
}

Deno.test(`verify tells every way a real server can be broken, and its commands mend it${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(FAULTS.length);
  try {
    for (const [index, { breaks }] of FAULTS.entries()) await breaks(network.servers[index]!, network);
    const before = await verifyJson(network, clusterText(network.servers));
    const said = FAULTS.map(({ what }, index) => {
      const server = network.servers[index]!;
      return [what, arpVerdict(before, server), ...pathVerdicts(before, server)];
    });
    assert.deepEqual(said, FAULTS.map(({ what, arp, path }) => [what, arp, path]));
    assert.equal(before.ok, false);
    for (const [index, { what, problem }] of FAULTS.entries()) {
      const own = before.findings.filter(({ host }) => host === network.servers[index]!.address);
      assert.equal(own.length, problem === null ? 0 : 1, `findings on "${what}": ${JSON.stringify(own)}`);
      if (problem !== null) assert.match(own[0]!.problem, problem);
    }

    const mended = network.servers.filter((_, index) => FAULTS[index]!.isMendedByCommand);
    for (const server of mended) {
      await obey(before.findings.find(({ host }) => host === server.address)!, network);
      // A real server that remembers the probe address has no need to ask for it, and cannot leak.
      await server.namespace.ip(["neighbor flush dev eth0"]);
    }
    const after = await verifyJson(network, clusterText(mended));
    assert.deepEqual(after.findings, []);
    for (const server of mended) {
      assert.deepEqual([arpVerdict(after, server), ...pathVerdicts(after, server)], [
        "hardened",
        "ok",
      ]);
    }
  } finally {
    for (const { name } of containers) await Namespace.remove(name);
  }
});

Deno.test(
  `verify tells a real server that forwards to a running director, which schedules nothing of it${needing}`,
  {
    ignore,
  },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const [good, forwarding] = network.servers;
    const director = await network.startDirector(configText({ servers: [[21, 1], [22, 1]] }));
    await forwarding!.namespace.ip(REMOVE_VIP);
    await forwarding!.namespace.setSysctls({ "net.ipv4.ip_forward": 1 });
    const verification = await verifyJson(network, clusterText(network.servers));
    assert.deepEqual(pathVerdicts(verification, good!), ["ok"]);
    assert.deepEqual(pathVerdicts(verification, forwarding!), ["forwards"]);
    const status = (await director.status())!;
    assert.deepEqual([status.connectionTable.used, status.services[0]!.connections], [0, 0]);
  },
);
