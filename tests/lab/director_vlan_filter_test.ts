/**
 * A card that keeps frames of VLANs away. No interface in software does, so a stand-in for ethtool(8) says that eth0
 * does, remembers what it is told, and leaves everything else to the real one.
 */

import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import { configText, DirectorNetwork, obstacle } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const UNTAGGED = "director: { interface: eth0 }\n" +
  configText({ servers: [[21, 1]], settings: ["port: 80", "health: none"] });
const TAGGED = "director: { interface: eth0 }\n" +
  configText({ servers: [[21, 1]], settings: ["port: 80", "health: none", "vlan: 7"] });

/** Makes the card; returns what the filter is, and how to run a program that sees it. */
async function filteringCard({ folder }: DirectorNetwork, isFixed: boolean) {
  const file = `${folder}/filter`;
  await Deno.mkdir(`${folder}/bin`);
  await Deno.writeTextFile(file, "true");
  await Deno.writeTextFile(
    `${folder}/bin/ethtool`,
    `#!/bin/sh
case "$*" in
"--json -k eth0")
  exec /usr/sbin/ethtool --json -k eth0 | sed '/"rx-vlan-filter"/,/}/ {
    s/"active": [a-z]*/"active": '$(cat ${file})'/; s/"fixed": [a-z]*/"fixed": ${isFixed}/
  }' ;;
"-K eth0 rx-vlan-filter off") printf false >${file} ;;
"-K eth0 rx-vlan-filter on") printf true >${file} ;;
*) exec /usr/sbin/ethtool "$@" ;;
esac
`,
    { mode: 0o755 },
  );
  return {
    isOn: async () => await Deno.readTextFile(file) === "true",
    before: ["env", `PATH=${folder}/bin:${Deno.env.get("PATH")}`],
  };
}

Deno.test(`a card lets all VLANs in while a director has VIPs in some, and filters afterwards${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const { isOn, before } = await filteringCard(network, false);

  const first = await network.spawnDirector(UNTAGGED, before);
  assert.doesNotMatch(await first.logged("director.started"), /rx-vlan-filter/);
  assert.equal(await isOn(), true, "without VLANs it is left as it is");
  const { message } = await first.reload(TAGGED);
  assert.match(message, /web with 1 real server; rx-vlan-filter of eth0 switched off$/);
  assert.equal(await isOn(), false, "since a reload");
  await network.director.require(before[0]!, [
    ...before.slice(1),
    "ethtool",
    "-K",
    "eth0",
    "rx-vlan-filter",
    "on",
  ]);
  // The kernel reports a change of features as one of the interface.
  await network.director.ip(["link set eth0 alias changed"]);
  assert.equal(
    await first.logged("interface.opened"),
    "Frames of VLANs were kept away; rx-vlan-filter of eth0 switched off",
  );
  assert.equal(await isOn(), false, "whoever switches it on again");
  assert.equal((await first.process.stop()).code, 0);
  assert.equal(await isOn(), true, "after the end");

  const second = await network.spawnDirector(TAGGED, before);
  assert.match(await second.logged("director.started", 2), /; rx-vlan-filter of eth0 switched off/);
  assert.equal(await isOn(), false);
  second.process.signal("SIGKILL");
  await second.process.ended;
  const third = await network.spawnDirector(UNTAGGED, before);
  await third.logged("director.started", 3);
  assert.equal(await isOn(), true, "the start after a crash gives it back");
  assert.equal((await third.process.stop()).code, 0);
});

Deno.test(`a card that cannot let VLANs in is refused, with the interface that it needs${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  const { before } = await filteringCard(network, true);
  const unchanged = await network.hostState();

  const { code, stderr } = await network.runDirector(TAGGED, { before });
  assert.equal(code, ExitCode.UNAVAILABLE, stderr);
  assert.match(stderr, /Interface "eth0" lets no frames of VLAN 7 in: rx-vlan-filter is on, and fixed/);
  assert.match(stderr, /ip link add link eth0 name eth0\.7 type vlan id 7/);
  assert.equal(await network.hostState(), unchanged);

  const running = await network.spawnDirector(UNTAGGED, before);
  await running.logged("director.started");
  assert.match((await running.reload(TAGGED)).message, /stays: Interface "eth0" lets no frames of VLAN 7 in/);
  assert.equal((await running.process.stop()).code, 0);
});
