/** `director.offloads: disable`, on a real interface. */

import assert from "node:assert/strict";
import { configText, DirectorNetwork, obstacle } from "./director_network.ts";

const ignore = obstacle !== null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

const HANDLE = configText({ servers: [[21, 1]] });
const DISABLE = `director: { offloads: disable }\n${HANDLE}`;

/** All features of the director's interface: whether each is on, and whether somebody has asked for it. */
async function features(network: DirectorNetwork): Promise<Record<string, { active: boolean }>> {
  const [report] = JSON.parse(await network.director.require("ethtool", ["--json", "-k", "eth0"]));
  return report;
}

Deno.test(`offloads are off while a director runs that disables them, and as before afterwards${needing}`, {
  ignore,
}, async () => {
  await using network = await DirectorNetwork.create(1);
  // One feature more that is on, and one that somebody has switched off.
  const made = [
    "gro",
    "on",
    "rx-gro-list",
    "on",
    "rx-udp-gro-forwarding",
    "on",
    "tx-udp-segmentation",
    "off",
  ];
  await network.director.require("ethtool", ["-K", "eth0", ...made]);
  const before = await network.hostState();
  const found = await features(network);
  const wanted = [
    "generic-receive-offload",
    "rx-gro-list",
    "rx-udp-gro-forwarding",
    "generic-segmentation-offload",
    "tx-gso-list",
    "tx-checksum-ip-generic",
    // Every kind that this kernel has; those of tunnels have underscores or a protocol of their own.
    ...Object.keys(found).filter((name) => /^tx-tcp6?(-[a-z]+)?-segmentation$/.test(name)),
  ];
  assert(wanted.includes("tx-tcp-segmentation") && wanted.includes("tx-tcp6-segmentation"));
  for (const name of wanted) assert.equal(found[name]!.active, true, `${name} is on`);
  const assertDisabled = async () => {
    const now = await features(network);
    for (const name of wanted) assert.equal(now[name]!.active, false, name);
  };

  const first = await network.startDirector(DISABLE);
  await assertDisabled();
  assert.match(
    await first.logged("director.started"),
    /; offloads: disabled \(generic-receive-offload rx-[^)]* generic-segmentation-offload tx-tcp-segmentation [^)]*\)/,
  );
  assert.equal(await network.request(), "rs1 192.0.2.100");
  assert.equal((await first.process.stop()).code, 0);
  assert.equal(await network.hostState(), before, "after SIGTERM");

  const second = await network.startDirector(DISABLE);
  second.process.signal("SIGKILL");
  await second.process.ended;
  await assertDisabled();
  const third = await network.startDirector(DISABLE);
  await assertDisabled();
  third.process.signal("SIGKILL");
  await third.process.ended;

  const fourth = await network.startDirector(HANDLE);
  assert.match(await fourth.logged("director.started", 4), /; offloads: handled/);
  assert.deepEqual(await features(network), found, "the next start gives back what a crash has left off");
  assert.equal((await fourth.process.stop()).code, 0);
  assert.equal(await network.hostState(), before, "after kill -9, a start and a stop");
});
