import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import type { Verification } from "../../sentinel/verification.ts";
import { configText, DIRECTOR_MAC, DirectorNetwork, obstacle, VIP } from "./director_network.ts";
import {
  arpVerdict,
  clusterText,
  pathVerdicts,
  PROBE_ADDRESS,
  runVerify,
  verifyJson,
} from "./sentinel_cluster.ts";
import { ServerShell } from "./server_shell.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const CLIENT_MAC = "02:00:00:00:00:64";

Deno.test(
  `verify works beside a director that holds the probe address, and tells a second holder of a VIP to it alone${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(1);
    const config = `director: { probe_address: ${PROBE_ADDRESS} }\n` + configText({
      settings: ["port: 80", "health: { type: dr, port: 80, interval: 300ms, timeout: 250ms }"],
      servers: [[21, 1]],
    });
    const director = await network.startDirector(config);

    const elsewhere = await runVerify(network, config, [], network.client);
    assert.equal(elsewhere.code, ExitCode.OK, elsewhere.stdout + elsewhere.stderr);
    assert.match(
      elsewhere.stdout,
      /from 192\.0\.2\.\d+ \(director\.probe_address 192\.0\.2\.200 is in use by 02:00:00:00:00:02\)$/m,
    );
    assert.match(
      elsewhere.stdout,
      new RegExp(`answered for by ${DIRECTOR_MAC}, no real server: right if that`),
    );
    assert.deepEqual(await director.messages("probe.lost"), []);

    await network.client.ip([`addr add ${VIP}/32 dev eth0`]);
    const [knowing, unknowing] = await Promise.all([
      runVerify(network, config, ["--json", "--run-dir", network.runDir]),
      runVerify(network, config, ["--run-dir", `${network.folder}/none`]),
    ]);
    const { findings, proofs } = JSON.parse(knowing.stdout) as Verification;
    assert.deepEqual(proofs.map(({ outcome }) => outcome.verdict), ["ok"]);
    assert.deepEqual(findings.map(({ verdict, host }) => [verdict, host]), [
      ["other_holder", `the host with MAC ${CLIENT_MAC}`],
    ]);
    assert.match(findings[0]!.problem, /answers ARP for 192\.0\.2\.10, which the director on this host has/);
    assert.equal(knowing.code, ExitCode.FAILED);
    assert.equal(unknowing.code, ExitCode.OK, "without a director here, it may be the director");
    assert.match(
      unknowing.stdout,
      new RegExp(`answered for by ${CLIENT_MAC}, no real server: right if that`),
    );
  },
);

Deno.test(
  `verify accuses a host that takes every address by its MAC, no real server, and its command mends that${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(3);
    const [first, thief, third] = network.servers;
    await thief!.namespace.setSysctls({ "net.ipv4.conf.all.arp_ignore": 0 });
    await thief!.namespace.ip([`addr add ${VIP}/24 dev lo`]);
    const config = clusterText(network.servers);
    const { code, stdout } = await runVerify(network, config, ["--json"]);
    assert.equal(code, ExitCode.FAILED);
    const found = JSON.parse(stdout) as Verification;
    assert.deepEqual(
      network.servers.map((server) => arpVerdict(found, server)),
      ["hardened", "contested", "hardened"],
    );
    assert.deepEqual(found.findings.map(({ verdict, host }) => [verdict, host]), [
      ["takes_addresses", `the host with MAC ${thief!.mac}`],
    ]);
    const [{ problem, command }] = found.findings as [Verification["findings"][number]];
    assert.match(
      problem,
      /answers ARP for 192\.0\.2\.21, 192\.0\.2\.23, where other real servers are, and for 192\.0\.2\.22, for which/,
    );
    for (const server of [first!, thief!, third!]) {
      assert.deepEqual(pathVerdicts(found, server), ["not_provable"]);
    }
    await using shell = await ServerShell.open(network, thief!);
    await shell.hold(command);
    const after = await verifyJson(network, config);
    assert.deepEqual(after.findings, []);
    assert.deepEqual(
      network.servers.flatMap((server) => pathVerdicts(after, server)),
      ["ok", "ok", "ok"],
    );
  },
);
