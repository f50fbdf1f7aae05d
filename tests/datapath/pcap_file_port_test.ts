import assert from "node:assert/strict";
import { capturedFrames, captures } from "./captures.ts";
import { finishedFrames } from "./finished_frames.ts";
import { ACK, virtioHeader } from "./fixture.ts";
import { countingBytes, Flag, tcpFrame } from "./frame_builder.ts";
import { pcapFile, readPcap } from "./pcap_file.ts";
import { assertOnlyAddressed, onTheWire, replay } from "./replay.ts";

for (const { name, path } of captures()) {
  Deno.test(`A replay of ${name} changes MACs, TTL and IP checksum alone`, () => {
    assertOnlyAddressed(replay(Deno.readFileSync(path)));
  });
}

Deno.test("The captures have merged segments, partial checksums and fragments", () => {
  const frames = capturedFrames();
  const fragments = frames.filter((frame) => (frame[20]! & 0x3f) !== 0 || frame[21]! !== 0);
  assert.ok(fragments.length > 5, `${fragments.length} fragments`);
  const merged = frames.filter((frame) => onTheWire(frame).length > 1);
  assert.ok(merged.length > 2, `${merged.length} merged segments`);
  const unfinished = frames.filter((frame) => onTheWire(frame)[0] !== frame);
  assert.ok(unfinished.length > merged.length, `${unfinished.length} frames unfinished`);
});

Deno.test("assertOnlyAddressed() notices a changed byte, a lost frame and one too many", () => {
  const { received, sent } = replay(pcapFile([tcpFrame({ ...ACK, flags: Flag.SYN }), tcpFrame(ACK)]));
  const changed = sent.map((frame) => frame.with(frame.length - 1, frame.at(-1)! ^ 1));
  for (const wrong of [changed, sent.slice(1), [...sent, sent[0]!]]) {
    assert.throws(() => assertOnlyAddressed({ received, sent: wrong }), assert.AssertionError);
  }
});

Deno.test("finishedFrames() cuts a merged segment as its sender would have sent it", () => {
  const fields = { ...ACK, identification: 0xffff, sequence: 0xffff_fffe, payload: countingBytes(2_500) };
  const flags = Flag.ACK | Flag.PSH | Flag.FIN | Flag.CWR;
  const merged = tcpFrame({ ...fields, flags, checksum: "partial" });
  const described = virtioHeader({
    flags: 1,
    gsoType: 1,
    gsoBytes: 1_000,
    checksumStart: 34,
    checksumOffset: 16,
  });
  assert.deepEqual(
    finishedFrames(merged, described),
    [
      { flags: Flag.ACK | Flag.CWR, identification: 0xffff, sequence: 0xffff_fffe, from: 0, to: 1_000 },
      { flags: Flag.ACK, identification: 0, sequence: 998, from: 1_000, to: 2_000 },
      { flags: Flag.ACK | Flag.PSH | Flag.FIN, identification: 1, sequence: 1_998, from: 2_000, to: 2_500 },
    ].map(({ from, to, ...changes }) =>
      tcpFrame({ ...fields, ...changes, payload: fields.payload.subarray(from, to) })
    ),
  );
});

Deno.test("readPcap() reads both byte orders and both resolutions, and no cut frames", () => {
  const frame = tcpFrame(ACK);
  const file = pcapFile([frame, frame.subarray(0, 60)]);
  assert.deepEqual(readPcap(file), [frame, frame.subarray(0, 60)]);
  const foreign = pcapFile([frame]);
  for (let at = 0; at < 40; at += 4) if (at !== 4) foreign.subarray(at, at + 4).reverse();
  assert.deepEqual(readPcap(foreign), [frame]);
  const precise = pcapFile([frame]);
  new DataView(precise.buffer).setUint32(0, 0xa1b23c4d, true);
  assert.deepEqual(readPcap(precise), [frame]);
  const cut = pcapFile([frame]);
  new DataView(cut.buffer).setUint32(36, frame.length + 1, true);
  assert.throws(() => readPcap(cut), /cut/);
  assert.throws(() => readPcap(new Uint8Array(24)), /Not a capture file/);
});
