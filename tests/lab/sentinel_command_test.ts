import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import { connect, Namespace } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import { DirectorNetwork, obstacle, SECOND_VIP, VIP } from "./director_network.ts";
import { clusterText, pathVerdicts, PROBE_ADDRESS, runVerify, verifyJson } from "./sentinel_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const SETTLED = `director: { probe_address: ${PROBE_ADDRESS} }\n`;

/** Services of every kind: several ports, a port without an application, long ranges and UDP. */
const MANY_PORTS = `  - name: more
    vip: ${SECOND_VIP}
    ports: [80, 81, "8000-8999"]
    servers: [{ address: 192.0.2.21 }]
  - name: wide
    vip: 192.0.2.12
    ports: [ "1-999" ]
    health: { type: tcp, port: 80 }
    servers: [{ address: 192.0.2.21 }]
  - name: dns
    vip: ${SECOND_VIP}
    protocol: udp
    port: 53
    health: none
    servers: [{ address: 192.0.2.22 }]
`;

Deno.test(
  `verify proves every port that can be proven, and says so of the others${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    await network.servers[0]!.namespace.ip(["addr add 192.0.2.12/32 dev lo"]);
    const verification = await verifyJson(network, clusterText(network.servers, MANY_PORTS));
    assert.deepEqual(
      verification.proofs.map(({ service, server, ports, outcome }) =>
        `${service} ${server} ${ports.first}-${ports.last} ${outcome.verdict}`
      ),
      [
        "web 192.0.2.21 80-80 ok",
        "web 192.0.2.22 80-80 ok",
        "more 192.0.2.21 80-80 ok",
        "more 192.0.2.21 81-81 not_listening",
        "more 192.0.2.21 8000-8999 not_provable",
        "wide 192.0.2.21 80-80 ok",
        "dns 192.0.2.22 53-53 not_provable",
      ],
    );
    assert.equal(verification.audits.length, 2 * 3, "each server is asked for each VIP");
    assert.deepEqual(verification.findings.map(({ command }) => command), [
      `ss -Hltnp sport = :81; lvsdr doctor -c ${network.folder}/verify.yaml`,
    ]);
  },
);

Deno.test(`verify of a UDP service alone only audits${needing}`, { ignore }, async () => {
  await using network = await DirectorNetwork.create(2);
  const { code, stdout } = await runVerify(network, clusterText(network.servers, MANY_PORTS), ["dns"]);
  assert.equal(code, ExitCode.OK);
  assert.match(stdout, /^Direct routing works, seen from eth0: 0 paths proven, 1 not provable\n/);
  assert.match(stdout, /^Path: nothing probed$/m);
  assert.doesNotMatch(stdout, /192\.0\.2\.21/, "other services are left alone");
});

Deno.test(
  `verify chooses a free address of the subnet when none is configured${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    // Of the six addresses that a /29 has, two are known, and three more belong to another host.
    const quiet = await Namespace.create(`${network.director.name}q`);
    const other = await Namespace.create(`${network.director.name}o`);
    try {
      await connect({ namespace: quiet, interface: "eth0" }, {
        namespace: network.director,
        interface: "eth1",
      });
      await connect({ namespace: other, interface: "eth0" }, { namespace: quiet, interface: "eth1" });
      await quiet.ip([
        "link add br0 type bridge",
        "link set eth0 master br0",
        "link set eth1 master br0",
        "link set br0 up",
        "addr add 198.51.100.1/29 dev br0",
      ]);
      await other.ip([3, 5, 6].map((n) => `addr add 198.51.100.${n}/29 dev eth0`));
      await network.director.ip(["addr add 198.51.100.2/29 dev eth1"]);
      const config = `services: [{ vip: 203.0.113.10, port: 80, servers: [{ address: 198.51.100.1 }] }]\n`;
      const free = await verifyJson(network, config);
      assert.equal(free.views[0]!.probeAddress, "198.51.100.4", "the only one left");
      assert.deepEqual(free.proofs.map(({ outcome }) => outcome.verdict), ["vip_missing"]);

      await other.ip(["addr add 198.51.100.4/29 dev eth0"]);
      const full = await runVerify(network, config);
      assert.equal(full.code, ExitCode.UNAVAILABLE);
      assert.match(
        full.stderr,
        /No free address to probe from was found in the subnet of 198\.51\.100\.2\/29: what was tried is in use by /,
      );
    } finally {
      await Namespace.remove(other.name);
      await Namespace.remove(quiet.name);
    }
  },
);

Deno.test(
  `verify proves a real server in a VLAN from the host's interface there, and says so if it has none${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const [server] = network.servers;
    const config = `services: [{ vip: ${VIP}, port: 80, servers: [{ address: 203.0.113.21, vlan: 5 }] }]\n`;
    const without = await runVerify(network, config);
    assert.equal(without.code, ExitCode.OK, without.stderr);
    assert.match(without.stdout, /^Direct routing works: 0 paths proven, 1 not provable\n/);
    assert.match(
      without.stdout,
      /not provable: Real server 203\.0\.113\.21 is in VLAN 5, where this host has no/,
    );

    // A VLAN interface shows a VLAN as this one shows its wire: without tags.
    await connect(
      { namespace: network.director, interface: "eth0.5" },
      { namespace: server!.namespace, interface: "eth0.5" },
    );
    await network.director.ip(["addr add 203.0.113.2/24 dev eth0.5"]);
    await server!.namespace.ip(["addr add 203.0.113.21/24 dev eth0.5"]);
    const verification = await verifyJson(network, config);
    assert.deepEqual(verification.views.map((view) => view.interface), ["eth0.5"]);
    assert.deepEqual(pathVerdicts(verification, { ...server!, address: "203.0.113.21" }), ["ok"]);
  },
);

Deno.test(`verify tells two machines that both say they have a VIP${needing}`, { ignore }, async () => {
  await using network = await DirectorNetwork.create(2);
  const [server, unlisted] = network.servers;
  await network.client.ip([`addr add ${VIP}/32 dev lo`]);
  await unlisted!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
  const verification = await verifyJson(network, clusterText([server!]));
  const macs = [unlisted!.mac, "02:00:00:00:00:64"];
  assert.deepEqual(verification.holders, [{ vip: VIP, macs, isOurs: false }]);
  assert.deepEqual(verification.findings.map(({ verdict }) => verdict), ["several_holders"]);
  assert.equal(verification.findings.length, 1);
  assert.match(
    verification.findings[0]!.problem,
    new RegExp(`^${macs.join(" and ")}, none of them a real server`),
  );
});

Deno.test(`verify shows on a terminal that it is at work${needing}`, { ignore }, async () => {
  await using network = await DirectorNetwork.create(1);
  await Deno.writeTextFile(`${network.folder}/verify.yaml`, clusterText(network.servers));
  const words = selfCommand(["verify", "-c", `${network.folder}/verify.yaml`, "--interface", "eth0"]);
  const { code, stdout } = await network.director.run("script", ["-qec", words.join(" "), "/dev/null"]);
  assert.equal(code, ExitCode.OK, stdout);
  assert.match(
    stdout,
    /^Asking on the wire and waiting for answers; this takes 5 to 10 seconds\r\nDirect routing works/,
  );
});

Deno.test(`verify says why it cannot be run${needing}`, { ignore }, async () => {
  await using network = await DirectorNetwork.create(1);
  const [server] = network.servers;
  const good = clusterText(network.servers);
  const cases: readonly [string, string, readonly string[], number, RegExp][] = [
    [
      "a service that is none",
      good,
      ["mail"],
      ExitCode.USAGE,
      /no service "mail"\n {2}The configuration has web\n/,
    ],
    ["an interface that is none", good, ["--interface", "eth9"], ExitCode.UNAVAILABLE, /no interface "eth9"/],
    [
      "a probe address elsewhere",
      good.replace(PROBE_ADDRESS, "198.51.100.1"),
      [],
      ExitCode.CONFIG,
      /probe_address 198\.51\.100\.1 is not in the real servers' subnet 192\.0\.2\.2\/24/,
    ],
    [
      "its own address",
      good.replace(PROBE_ADDRESS, "192.0.2.2"),
      [],
      ExitCode.CONFIG,
      /is an address of this host/,
    ],
    ["a broken configuration", SETTLED, [], ExitCode.CONFIG, /services: Cannot do without this key/],
  ];
  for (const [what, config, args, code, message] of cases) {
    const result = await runVerify(network, config, args);
    assert.deepEqual([what, result.code, result.stdout], [what, code, ""]);
    assert.match(result.stderr, message);
  }
  const onServer = await runVerify(network, good, [], server!.namespace);
  assert.equal(onServer.code, ExitCode.UNAVAILABLE);
  assert.match(onServer.stderr, /192\.0\.2\.21 is this host itself/);
  const plain = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"];
  const unprivileged = await runVerify(network, good, [], network.director, plain);
  assert.equal(unprivileged.code, ExitCode.NO_PERMISSION);
  assert.match(unprivileged.stderr, /Cannot capture on "eth0": permission denied\n {2}Run as root/);
});
