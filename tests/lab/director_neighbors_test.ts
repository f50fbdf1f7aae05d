import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { requireCommand } from "../../host/command.ts";
import type { Namespace } from "../../lab/namespace.ts";
import { arpFrame } from "../datapath/frame_builder.ts";
import { configText, DirectorNetwork, obstacle as rootObstacle } from "./director_network.ts";
import { framesOf } from "./real_cluster.ts";

function hasCompiler(): boolean {
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const obstacle = rootObstacle ?? (hasCompiler() ? null : "gcc is not installed");
const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const CLAIMS = 20_000;
const CLIENT_MAC = "02:00:00:00:00:64";
const OTHER_MAC = "02:00:00:00:00:99";
const BROADCAST = "ff:ff:ff:ff:ff:ff";

/** An announcement of a host that says it has an address. */
function claim(address: string, mac: string, from: string): string {
  const head = { from, to: BROADCAST, operation: "request", targetMac: "00:00:00:00:00:00" } as const;
  return `${arpFrame({ ...head, senderMac: mac, senderAddress: address, targetAddress: address }).toHex()}\n`;
}

Deno.test(`claims to a real server's address move nothing, and a real move is followed${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const [server] = network.servers;
  const { address, mac, namespace } = server!;
  const program = `${network.folder}/send_frames`;
  await requireCommand("gcc", ["-O2", "-o", program, new URL("send_frames.c", import.meta.url).pathname]);
  const send = (from: Namespace, frames: readonly string[]) =>
    from.require(program, ["eth0"], { stdin: frames.join("") });
  // The kernel believes such claims, and the checks are its business.
  const settings = ["protocol: tcp", "port: 80", "health: none"];
  const director = await network.startDirector(configText({ settings, servers: [[21, 1]] }));
  const heard = framesOf((await director.status())!, "learnt_neighbor");

  const claims = Array.from(
    { length: CLAIMS },
    (_, index) => claim(address, `02:09:09:09:09:0${index % 8}`, CLIENT_MAC),
  );
  await send(network.client, claims);
  await director.waitFor(
    "every claim is heard",
    (status) => framesOf(status, "learnt_neighbor") - heard >= CLAIMS,
  );
  assert.match(await network.request(), /^rs1 /);
  assert.deepEqual(await director.messages("neighbor.changed"), []);

  await namespace.ip([`link set eth0 address ${OTHER_MAC}`]);
  await send(namespace, [claim(address, OTHER_MAC, OTHER_MAC)]);
  assert.equal(await director.logged("neighbor.changed"), `${address} moved from ${mac} to ${OTHER_MAC}`);
  assert.match(await network.request(), /^rs1 /);
});
