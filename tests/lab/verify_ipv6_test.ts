import assert from "node:assert/strict";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { DirectorNetwork, obstacle, until, type WebHost } from "./director_network.ts";
import { arpVerdict, pathVerdicts, runVerify, verifyJson } from "./sentinel_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const VIP = "2001:db8::10";

/** A way to break a real server, and what verify says of it. */
interface Fault {
  readonly what: string;
  breaks(server: WebHost): Promise<unknown>;
  readonly ndp: string;
  readonly path: string;
  /** What the problem says; `null` means there is none. */
  readonly problem: RegExp | null;
}

const REMOVE_VIP = [`addr del ${VIP}/128 dev lo`];

const FAULTS: readonly Fault[] = [
  { what: "nothing", breaks: () => Promise.resolve(), ndp: "hardened", path: "ok", problem: null },
  {
    what: "VIP missing",
    breaks: ({ namespace }) => namespace.ip(REMOVE_VIP),
    ndp: "hardened",
    path: "vip_missing",
    problem: /says nothing: it does not have the VIP/,
  },
  {
    what: "VIP missing and forwarding",
    breaks: async ({ namespace }) => {
      await namespace.ip(REMOVE_VIP);
      await namespace.setSysctls({ "net.ipv6.conf.all.forwarding": 1 });
    },
    ndp: "hardened",
    path: "forwards",
    problem: /does not have 2001:db8::10 and tries to forward/,
  },
  {
    what: "VIP on the interface",
    breaks: async ({ namespace }) => {
      await namespace.ip([...REMOVE_VIP, `addr add ${VIP}/128 dev eth0 nodad`]);
    },
    ndp: "answers",
    path: "leaks",
    problem: /answers NDP for 2001:db8::10 \(with 02:00:00:00:00:18\)/,
  },
  {
    what: "application down",
    breaks: ({ namespace }) => addRule6(namespace, "tcp dport 80 reject with tcp reset"),
    ndp: "hardened",
    path: "not_listening",
    problem: /let it listen on \[::\]:80/,
  },
  {
    what: "firewall rejects",
    breaks: ({ namespace }) => addRule6(namespace, "tcp dport 80 reject with icmpv6 type admin-prohibited"),
    ndp: "hardened",
    path: "rejected",
    problem: /rejects connections to \[2001:db8::10\]:80 \(ICMP destination unreachable, code 1\)/,
  },
  {
    what: "firewall drops",
    breaks: ({ namespace }) => addRule6(namespace, "tcp dport 80 drop"),
    ndp: "hardened",
    path: "dropped",
    problem: /answers ping for 2001:db8::10, but drops/,
  },
  {
    what: "off the link",
    breaks: ({ namespace }) => namespace.ip(["link set eth0 down"]),
    ndp: "unreachable",
    path: "unreachable",
    problem: /does not answer NDP for its own address/,
  },
];

async function addRule6(namespace: WebHost["namespace"], rule: string): Promise<void> {
  const chain = "type filter hook input priority 0;";
  const stdin =
    `add table ip6 broken\nadd chain ip6 broken here { ${chain} }\nadd rule ip6 broken here ${rule}\n`;
  await namespace.require("nft", ["-f", "-"], { stdin });
}

/** Gives every host an IPv6 address, and the real servers the VIP and an nginx for it. */
async function addIpv6(network: DirectorNetwork): Promise<WebHost[]> {
  const hosts = [[network.director, "2001:db8::2"], [network.client, "2001:db8::100"]] as const;
  const servers = network.servers.map((server, index) => ({
    ...server,
    address: `2001:db8::${(0x21 + index).toString(16)}`,
  }));
  for (const [namespace, address] of [...hosts, ...servers.map((s) => [s.namespace, s.address] as const)]) {
    await namespace.setSysctls({ "net.ipv6.conf.all.disable_ipv6": 0, "net.ipv6.conf.eth0.accept_dad": 0 });
    await namespace.ip([`addr add ${address}/64 dev eth0 nodad`]);
  }
  await Promise.all(servers.map(async ({ name, address, namespace }) => {
    await namespace.ip([`addr add ${VIP}/128 dev lo nodad preferred_lft 0`]);
    const file = `${network.folder}/${name}-6.conf`;
    await Deno.writeTextFile(
      file,
      `daemon off; master_process off; user root; pid ${network.folder}/${name}-6.pid; error_log stderr; events {}
      http { access_log off; server { listen [::]:80 ipv6only=on; location / { return 200 "${name}\\n"; } } }`,
    );
    network.start(namespace, "nginx", "-c", file, "-e", "stderr");
    await until(
      `nginx of ${name} answers over IPv6`,
      async () => (await namespace.run("curl", ["-sf", `http://[${address}]/`])).code === 0,
    );
  }));
  return servers;
}

function configText(servers: readonly WebHost[], more = ""): string {
  return `services:
  - name: web6
    vip: "${VIP}"
    port: 80
    health: { type: dr, interval: 300ms, timeout: 250ms, rise: 1, fall: 2 }
    servers:
${servers.map(({ address }) => `      - { address: "${address}" }`).join("\n")}
${more}`;
}

Deno.test(`verify tells every way a real server can be broken over IPv6${needing}`, { ignore }, async () => {
  await using network = await DirectorNetwork.create(FAULTS.length);
  const servers = await addIpv6(network);
  for (const [index, { breaks }] of FAULTS.entries()) await breaks(servers[index]!);
  const verification = await verifyJson(network, configText(servers));
  const said = FAULTS.map(({ what }, index) => {
    const server = servers[index]!;
    return [what, arpVerdict(verification, server), ...pathVerdicts(verification, server)];
  });
  assert.deepEqual(said, FAULTS.map(({ what, ndp, path }) => [what, ndp, path]));
  for (const [index, { what, problem }] of FAULTS.entries()) {
    const own = verification.findings.filter(({ host }) => host === servers[index]!.address);
    if (problem === null) assert.deepEqual(own, [], what);
    else assert.match(own.map((finding) => finding.problem).join("\n"), problem, what);
  }
});

Deno.test(
  `verify looks at services of both families at once, and probes each from its own address${needing}`,
  {
    ignore,
  },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const servers = await addIpv6(network);
    const ipv4 = `  - { name: web, vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }] }\n`;
    const { code, stdout } = await runVerify(network, configText(servers, ipv4));
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^Direct routing works, seen from eth0: 2 paths proven\n/);
    assert.match(
      stdout,
      /^Path: a SYN to each real server's MAC, from 2001:db8::[\da-f:]+, 192\.0\.2\.\d+$/m,
    );
    assert.match(stdout, /^ {2}web6 +\[2001:db8::10\]:80 +2001:db8::21 +ok$/m);
  },
);

Deno.test(
  `a dr check works over IPv6, and an audit finds a VIP on the interface${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const hosts = await addIpv6(network);
    const exposed = hosts[1];
    const config = configText(hosts);
    const director = await network.startDirector(config);
    const servers = (status: StatusSnapshot) => status.services[0]!.servers;
    const before = await director.waitFor(
      "both are audited",
      (status) => servers(status).every(({ audit }) => audit?.verdict === "hardened"),
    );
    assert.deepEqual(servers(before).map(({ lastCheck }) => lastCheck!.message), [
      "VIP [2001:db8::10]:80 at 2001:db8::21 ok",
      "VIP [2001:db8::10]:80 at 2001:db8::22 ok",
    ]);

    await exposed!.namespace.ip([`addr del ${VIP}/128 dev lo`]);
    await director.waitFor("the VIP is missing", (status) => {
      const { state, lastCheck } = servers(status)[1]!;
      return state === "down" && lastCheck!.message.endsWith("2001:db8::22 vip_missing: VIP missing");
    });
    await exposed!.namespace.ip([`addr add ${VIP}/128 dev eth0 nodad`]);
    await director.waitFor("the VIP is back", (status) => servers(status)[1]!.state !== "down");
    const socket = ["--unix-socket", `${network.runDir}/director.sock`];
    await network.director.require("curl", ["-sS", "-X", "POST", ...socket, "http://director/api/v1/audit"]);
    const after = (await director.status())!;
    assert.deepEqual(servers(after).map(({ audit }) => audit!.verdict), ["hardened", "answers"]);
  },
);
