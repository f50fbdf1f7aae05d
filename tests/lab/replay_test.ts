/**
 * Captures of real programs, replayed through the engine from file to file, and looked at by tshark(1).
 *
 * @module
 */

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { requireCommand } from "../../host/command.ts";
import { assertOnlyAddressed, onTheWire, replay } from "../datapath/replay.ts";
import { pcapFile } from "../datapath/pcap_file.ts";
import {
  capture,
  createTrafficCluster,
  disableOffloads,
  traffic,
  trafficObstacle,
} from "./captured_traffic.ts";

const ignore = trafficObstacle !== null;
const needing = trafficObstacle === null ? "" : ` (skipped: ${trafficObstacle})`;

const KILOBYTES = 500;
const MOST_FRAMES = 500;
/** Of a stream that is merged as far as can be. */
const LEAST_FRAMES = 10;
/** Frames of a run whose every field is compared: each takes tshark a millisecond. */
const MOST_COMPARED_FRAMES = 100;
const TTL_OFFSET = 22;
/** tshark's names of what a director changes. */
const CHANGED = ["eth.dst", "eth.src", "ip.checksum", "ip.ttl", "ipv6.hlim"];

/** What port 53 is used for here is not DNS. */
const NO_DNS = ["--disable-protocol", "dns"];
const CHECKSUMS = ["ip", "tcp", "udp"].flatMap((protocol) => ["-o", `${protocol}.check_checksum:TRUE`]);
/** 0 is tshark's word for a bad checksum. */
const WRONG = ["ip", "tcp", "udp"].map((protocol) => `${protocol}.checksum.status == 0`).concat(
  "_ws.malformed",
);

Deno.test(`What leaves a replay is intact, and differs in MACs, TTL and IP checksum alone${needing}`, {
  ignore,
}, async (t) => {
  await using cluster = await createTrafficCluster();
  let left: Uint8Array[] = [];
  for (const mode of ["default offloads", "offloads off"]) {
    if (mode === "offloads off") await disableOffloads(cluster);
    const came: Uint8Array[] = [];
    left = [];
    const compared: Uint8Array[] = [];
    for (const run of traffic(KILOBYTES)) {
      await t.step(`${run.name} with ${mode}: what came has left`, async () => {
        const file = cluster.file(`${mode}-${run.name}`);
        await capture(cluster, run, file, MOST_FRAMES);
        const { received, sent } = replay(Deno.readFileSync(file));
        assert.ok(received.length >= LEAST_FRAMES, `${received.length} frames`);
        assertOnlyAddressed({ received, sent });
        if (mode === "offloads off") assert.equal(sent.length, received.length);
        left.push(...sent);
        came.push(...received.flatMap(onTheWire).slice(0, MOST_COMPARED_FRAMES));
        compared.push(...sent.slice(0, MOST_COMPARED_FRAMES));
      });
    }

    await t.step(`with ${mode}, tshark finds no fault and no other difference`, async () => {
      const write = (name: string, frames: readonly Uint8Array[]) => {
        Deno.writeFileSync(cluster.file(name), pcapFile(frames));
        return cluster.file(name);
      };
      const [wrong, before, after] = await Promise.all([
        wrongFrames(write("left", left)),
        layers(write("came", came)),
        layers(write("compared", compared)),
      ]);
      assert.deepEqual(wrong, []);
      assert.deepEqual(differences(before, after), CHANGED);
    });
  }

  await t.step("tshark would have seen wrong checksums and a frame cut short", async () => {
    const frame = left[0]!;
    const broken = [
      frame.with(-1, frame.at(-1)! ^ 1),
      frame.with(TTL_OFFSET, frame[TTL_OFFSET]! ^ 1),
      frame.slice(0, 50),
    ];
    Deno.writeFileSync(cluster.file("broken"), pcapFile([frame, ...broken]));
    assert.deepEqual(await wrongFrames(cluster.file("broken")), ["2", "3", "4"]);
  });
});

/** Numbers of the frames that tshark finds fault with. */
async function wrongFrames(file: string): Promise<string[]> {
  const output = await requireCommand("tshark", [
    ...["-n", "-r", file, ...NO_DNS, ...CHECKSUMS, "-Y", WRONG.join(" or ")],
    ...["-T", "fields", "-e", "frame.number"],
  ]);
  return output.split("\n").filter((line) => line !== "");
}

/** What tshark tells of one frame: a text for each field, by layer. */
type Layers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Every field of every frame. */
async function layers(file: string): Promise<Layers[]> {
  const output = await requireCommand("tshark", [
    "-n",
    "-r",
    file,
    "-T",
    "json",
    "-j",
    "eth ip ipv6 ipv6.fraghdr tcp udp data",
  ]);
  return JSON.parse(output).map(({ _source }: { _source: { layers: Layers } }) => _source.layers);
}

/** Names of the fields that are not the same in all frames. */
function differences(ones: readonly Layers[], others: readonly Layers[]): string[] {
  assert.equal(ones.length, others.length);
  const names = new Set<string>();
  for (const [index, one] of ones.entries()) {
    const other = others[index]!;
    assert.deepEqual(Object.keys(one), Object.keys(other));
    for (const [layer, fields] of Object.entries(one)) {
      for (const name of new Set([...Object.keys(fields), ...Object.keys(other[layer]!)])) {
        if (!isDeepStrictEqual(fields[name], other[layer]![name])) names.add(name);
      }
    }
  }
  return [...names].toSorted();
}
