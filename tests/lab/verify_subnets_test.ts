import assert from "node:assert/strict";
import { connect } from "../../lab/namespace.ts";
import { ExitCode } from "../../model/exit_code.ts";
import type { Verification } from "../../sentinel/verification.ts";
import { DIRECTOR_MAC, DirectorNetwork, obstacle, SECOND_VIP, VIP } from "./director_network.ts";
import { PROBE_ADDRESS, runVerify } from "./sentinel_cluster.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** Real servers in two subnets, checked through their VIPs, and an address to check from in the first. */
const CONFIG = `director: { interface: eth0, probe_address: ${PROBE_ADDRESS} }
services:
  - name: near
    vip: ${VIP}
    port: 80
    health: { type: dr, port: 80, interval: 300ms, timeout: 250ms }
    servers: [{ address: 192.0.2.21 }]
  - name: far
    vip: ${SECOND_VIP}
    port: 80
    health: { type: dr, port: 80, interval: 300ms, timeout: 250ms }
    servers: [{ address: 198.51.100.22 }]
`;

Deno.test(
  `a director with an address for its checks works with real servers in two subnets, and verify takes others beside it${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const far = network.servers[1]!.namespace;
    await connect(
      { namespace: network.director, interface: "eth1", mac: "02:00:00:00:01:02" },
      { namespace: far, interface: "eth1" },
    );
    await network.director.ip(["addr add 198.51.100.2/24 dev eth1"]);
    await far.ip(["addr add 198.51.100.22/24 dev eth1"]);
    const director = await network.startDirector(CONFIG);
    const { probeAddresses } = (await director.status())!;
    assert.deepEqual(probeAddresses[0], { address: PROBE_ADDRESS, interface: "eth0" });
    const [, chosen] = probeAddresses;
    assert.equal(chosen!.interface, "eth1");
    assert.match(chosen!.address, /^198\.51\.100\./);

    const { code, stdout, stderr } = await runVerify(network, CONFIG, [
      "--json",
      "--run-dir",
      network.runDir,
    ]);
    assert.equal(code, ExitCode.OK, stdout + stderr);
    const { views, proofs } = JSON.parse(stdout) as Verification;
    const [near, other] = views;
    assert.deepEqual(near!.displaced, { address: PROBE_ADDRESS, mac: DIRECTOR_MAC, isOurs: true });
    assert.notEqual(near!.probeAddress, PROBE_ADDRESS);
    assert.match(near!.probeAddress!, /^192\.0\.2\./);
    assert.deepEqual([other!.interface, other!.displaced], ["eth1", null]);
    assert.notEqual(other!.probeAddress, chosen!.address);
    assert.match(other!.probeAddress!, /^198\.51\.100\./);
    assert.deepEqual(proofs.map(({ outcome }) => outcome.verdict), ["ok", "ok"]);

    assert.deepEqual(await director.messages("probe.lost"), []);

    const unusable = CONFIG.replace(PROBE_ADDRESS, "192.0.2.2") +
      `  - { name: dns, vip: ${VIP}, protocol: udp, port: 53, servers: [{ address: 192.0.2.21 }] }\n`;
    const refused = await runVerify(network, unusable, ["near"]);
    assert.equal(refused.code, ExitCode.CONFIG, refused.stderr);
    assert.match(refused.stderr, /probe_address 192\.0\.2\.2 is an address of this host/);
    const unasked = await runVerify(network, unusable, ["dns", "--run-dir", network.runDir]);
    assert.equal(unasked.code, ExitCode.OK, `nothing is probed from it: ${unasked.stderr}`);
  },
);
