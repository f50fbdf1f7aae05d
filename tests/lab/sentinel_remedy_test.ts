import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import { DirectorNetwork, obstacle, SECOND_VIP, VIP } from "./director_network.ts";
import { clusterText, runVerify, verifyJson } from "./sentinel_cluster.ts";
import { ServerShell } from "./server_shell.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const OTHER_SERVICE = `  - name: other
    vip: ${SECOND_VIP}
    port: 80
    servers: [{ address: 192.0.2.21 }, { address: 192.0.2.22 }]
`;

Deno.test(
  `one command mends a real server that lacks two VIPs, and after a restart one that was held before the second came${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(2);
    const [held, bare] = network.servers;
    for (const { namespace } of network.servers) {
      await namespace.ip([VIP, SECOND_VIP].map((vip) => `addr del ${vip}/32 dev lo`));
    }
    const file = `${network.folder}/verify.yaml`;
    const command = `lvsdr realserver -c ${file}`;
    await Deno.writeTextFile(file, clusterText(network.servers));
    await using shell = await ServerShell.open(network, held!);
    await using other = await ServerShell.open(network, bare!);
    const role = await shell.hold(command);

    const both = clusterText(network.servers, OTHER_SERVICE);
    const { findings } = await verifyJson(network, both);
    assert.deepEqual(
      findings.map(({ host, verdict, command }) => [host, verdict, command]).toSorted(),
      [held!, bare!, bare!].map(({ address }) => [address, "vip_missing", command]),
    );
    const said = findings.find(({ host }) => host === held!.address)!.problem;
    assert.match(said, /192\.0\.2\.11:80 .*; where lvsdr realserver runs already, restart it$/);

    const refused = await shell.run(command);
    assert.equal(refused.code, ExitCode.UNAVAILABLE);
    assert.match(refused.stderr, / process \d+/);
    await role.stop();
    await shell.hold(command);
    await other.hold(command);
    const after = await runVerify(network, both);
    assert.equal(after.code, ExitCode.OK, after.stdout);
    assert.match(after.stdout, /^Direct routing works, seen from eth0: 4 paths proven\n/);
  },
);
