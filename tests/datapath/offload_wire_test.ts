/**
 * The kernel finishes what lvsdr says is unfinished, judged by a program that is neither.
 *
 * @module
 */

import assert from "node:assert/strict";
import { runCommand } from "../../host/command.ts";
import { connect, Namespace } from "../../lab/namespace.ts";
import { hasTshark, judgements } from "./tshark.ts";

const hasEthtool = await runCommand("ethtool", ["--version"]).then(() => true, () => false);
const obstacle = Deno.uid() !== 0
  ? "needs root"
  : !hasTshark
  ? "tshark is not installed"
  : !hasEthtool
  ? "ethtool is not installed"
  : null;
const needing = obstacle === null ? "" : ` (skipped: ${obstacle})`;

interface Arrival {
  readonly description: string;
  readonly frames: readonly string[];
}

/** Bytes of each frame that must arrive, of what offload_frames.ts sends; tagged ones have four more. */
const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  "segments over IPv4": [1_514, 1_514, 1_135],
  "datagram over IPv4": [143],
  "segments over IPv6": [1_514, 1_514, 1_195],
  "segment over IPv6": [175],
  "segments behind an extension header": [1_514, 1_514, 1_243],
  "datagram over IPv6": [163],
};

Deno.test(`the kernel cuts and completes frames of both families, tagged or not, as described${needing}`, {
  ignore: obstacle !== null,
}, async () => {
  await using namespace = await Namespace.create(`lvof${Deno.pid}`);
  await connect({ namespace, interface: "lvs0" }, { namespace, interface: "lvr0" });
  // Nothing of the kernel's own is to arrive, and nothing but the kernel is to finish a frame.
  await namespace.setSysctls({
    "net.ipv6.conf.lvs0.disable_ipv6": 1,
    "net.ipv6.conf.lvr0.disable_ipv6": 1,
  });
  await namespace.require("ethtool", ["-K", "lvs0", "tx", "off", "gso", "off", "tso", "off"]);
  const script = new URL("./offload_frames.ts", import.meta.url).pathname;
  const arrivals: Arrival[] = JSON.parse(
    await namespace.require(Deno.execPath(), ["run", "-q", "-A", script]),
  );

  const lengths = arrivals.map(({ description, frames }) => [
    description,
    frames.map((frame) => frame.length / 2),
  ]);
  const expected = Object.entries(EXPECTED).flatMap(([description, bytes]) => [
    [description, bytes],
    [`${description}, tagged`, bytes.map((count) => count + 4)],
  ]);
  assert.deepEqual(lengths, expected);

  // Tagged and untagged ones apart: they are the same segments.
  for (const parity of [0, 1]) {
    const frames = arrivals.filter((_, index) => index % 2 === parity).flatMap(({ frames }) => frames);
    const judged = await judgements(frames.map((frame) => Uint8Array.fromHex(frame)));
    assert.deepEqual(judged.filter((judgement) => judgement !== ""), []);
  }
});
