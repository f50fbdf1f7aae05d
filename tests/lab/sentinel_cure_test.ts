import assert from "node:assert/strict";
import { selfCommand } from "../../lab/self_command.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { type Method, METHODS } from "../../model/config.ts";
import type { Verification } from "../../sentinel/verification.ts";
import {
  DirectorNetwork,
  ipv6Address,
  obstacle,
  SECOND_VIP,
  VIP,
  VIP6,
  type WebHost,
} from "./director_network.ts";
import { runVerify } from "./sentinel_cluster.ts";
import { ServerShell } from "./server_shell.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

/** VIPs of a real server of a method: arptables filters ARP alone. */
function vipsOf(method: Method): string[] {
  return method === "arptables" ? [VIP, SECOND_VIP] : [VIP, SECOND_VIP, VIP6];
}

/** A configuration of real servers, each of which is to be hardened by the method with its number. */
function clusterText(method: Method): string {
  const services = vipsOf(method).map((vip) => {
    const servers = METHODS.flatMap((other, index) => vipsOf(other).includes(vip) ? [21 + index] : [])
      .map((octet) => `{ address: "${vip === VIP6 ? ipv6Address(octet) : `192.0.2.${octet}`}" }`);
    return `  - { vip: "${vip}", port: 80, servers: [${servers.join(", ")}] }\n`;
  });
  return `realserver: { method: ${method} }\nservices:\n${services.join("")}`;
}

/** What is typed on a real server: the same for all of its addresses and VIPs. */
function commandFor(
  { findings }: Verification,
  server: WebHost,
  index: number,
  vips: readonly string[],
): string {
  const own = findings.filter(({ host }) => host === server.address || host === ipv6Address(21 + index));
  // Whether one asks for the probe address, and leaks then, depends on what it remembers.
  assert.deepEqual(
    own.map(({ verdict }) => verdict).filter((verdict) => verdict !== "leaks"),
    vips.map(() => "answers"),
  );
  const commands = [...new Set(own.map(({ command }) => command))];
  assert.equal(commands.length, 1, commands.join("\n"));
  return commands[0]!;
}

Deno.test(
  `the command for a real server with its VIPs on the interface makes it a correct one, whatever the method${needing}`,
  { ignore },
  async () => {
    await using network = await DirectorNetwork.create(METHODS.length, true);
    await using shells = new AsyncDisposableStack();
    for (const [index, { namespace }] of network.servers.entries()) {
      await namespace.ip([
        ...[VIP, SECOND_VIP].flatMap((vip) => [`addr del ${vip}/32 dev lo`, `addr add ${vip}/32 dev eth0`]),
        ...(vipsOf(METHODS[index]!).includes(VIP6) ? [`addr add ${VIP6}/128 dev eth0 nodad`] : []),
      ]);
    }
    await Promise.all(METHODS.map(async (method, index) => {
      const server = network.servers[index]!;
      const file = `${network.folder}/${method}.yaml`;
      await Deno.writeTextFile(file, clusterText(method));
      const [program, ...words] = selfCommand(["verify", "-c", file, "--json"]);
      const { stdout, stderr } = await network.director.run(program, words);
      assert.notEqual(stdout, "", stderr);
      const command = commandFor(JSON.parse(stdout) as Verification, server, index, vipsOf(method));
      const shell = shells.use(await ServerShell.open(network, server));
      await shell.hold(command);
    }));
    const after = await runVerify(network, clusterText("loopback"));
    assert.equal(after.code, ExitCode.OK, after.stdout + after.stderr);
  },
);
