/**
 * Whatever arrives, the forwarder decides, and writes nothing it has no business with. `LVSDR_FUZZ_SEED` repeats a
 * run, `LVSDR_FUZZ_FRAMES` makes it longer.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { NONE } from "../../datapath/connection_table.ts";
import { BATCH_FRAMES } from "../../datapath/engine.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { HELD, LAST_SENT, Verdict, VERDICTS } from "../../datapath/verdict.ts";
import * as virtio from "../../datapath/wire/virtio_net.ts";
import { ANSWERED_FIXTURES } from "./answered_fixtures.ts";
import { concat, mac } from "./frame_builder.ts";
import { FORWARDED_FIXTURES } from "./forwarded_fixtures.ts";
import { FRAGMENT_FIXTURES } from "./fragment_fixtures.ts";
import { ICMP_FIXTURES } from "./icmp_fixtures.ts";
import type { Mac } from "../../model/ip_address.ts";
import { MemoryPort, type SentFrame } from "./memory_port.ts";
import { DIRECTOR_MAC, SERVER, SERVICES, TestNetwork } from "./test_network.ts";
import { UNSENT_FIXTURES } from "./unsent_fixtures.ts";

const SEED = Number(Deno.env.get("LVSDR_FUZZ_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const FRAMES = Number(Deno.env.get("LVSDR_FUZZ_FRAMES") ?? 300_000);

/** What memory that nobody may touch is filled with. */
const CANARY = 0xa5;
/** Frames between two looks at the whole arena: comparing it costs more than a frame does. */
const FRAMES_PER_LOOK = 256;
const SLOT = 1;

const ETHERNET_BYTES = 14;
const IP_BYTES = 20;
const TTL_OFFSET = ETHERNET_BYTES + 8;
const IP_CHECKSUM_OFFSET = ETHERNET_BYTES + 10;
const TCP_CHECKSUM_OFFSET = 16;

const VALID = [
  ...FORWARDED_FIXTURES,
  ...ANSWERED_FIXTURES,
  ...ICMP_FIXTURES,
  ...FRAGMENT_FIXTURES,
  ...UNSENT_FIXTURES,
].map((
  { frame },
) => frame);

Deno.test(`forwardFrame() takes ${FRAMES} hostile frames (LVSDR_FUZZ_SEED=${SEED})`, () => {
  const random = randomNumbers(SEED);
  const port = new MemoryPort();
  const network = new TestNetwork({ port, maxConnections: 5_000 });
  const untouched = new Uint8Array(network.ring.arena.length).fill(CANARY);
  network.ring.arena.fill(CANARY);
  const met = new Set<number>();
  let nowMs = 0;
  let waiting = 0;
  for (let count = 0; count < FRAMES; count++) {
    nowMs += random(3);
    const frame = random(10) === 0 ? inventedFrame(random) : mutatedFrame(random);
    const { verdict, out } = network.forward(frame, nowMs, SLOT);
    const context = () => `LVSDR_FUZZ_SEED=${SEED}, frame ${count}: ${frame.toHex()}`;
    assert.ok(Number.isInteger(verdict) && verdict >= HELD && verdict < VERDICTS.length, context());
    met.add(verdict);
    if (verdict === HELD) waiting += 1;
    for (let held = network.forwarder.nextHeld(); held !== NONE; held = network.forwarder.nextHeld()) {
      assert.notEqual(network.forwarder.forwardFrame(held, nowMs), HELD, context());
      waiting -= 1;
    }
    if (random(1_000) === 0) waiting -= network.forwarder.expireHeld(nowMs);

    assert.ok(out.bytes.length <= FrameRing.FRAME_BYTES, context());
    if (verdict === Verdict.Forwarded || verdict === Verdict.ForwardedIcmp) {
      // ARP packets among the frames move the real server about.
      assertOnlyRewritten(frame, out, network.neighbors.macOf(SERVER)!, context);
    } else if (verdict > LAST_SENT) assert.ok(isSame(out.bytes, frame), context());

    network.queue.flush();
    port.sent.length = 0;

    const at = FrameRing.frameAt(SLOT);
    const written = Math.max(frame.length, out.bytes.length);
    network.ring.arena.fill(CANARY, at - virtio.HEADER_BYTES, at + written);
    if (count % FRAMES_PER_LOOK === 0 || count === FRAMES - 1) {
      // Spare slots are there to be written to.
      network.ring.arena.fill(CANARY, FrameRing.frameAt(BATCH_FRAMES) - virtio.HEADER_BYTES);
      assert.ok(
        isSame(network.ring.arena, untouched),
        `written outside the frame, at or before ${context()}`,
      );
      disturb(network, random, nowMs);
    }
  }
  assert.equal(network.forwarder.expireHeld(nowMs + 1_000), waiting, "fragments that wait are lost count of");
  assert.ok(met.has(HELD));
  // Else the frames were not hostile enough. What is left out needs a director in a special state.
  const rare: readonly number[] = [
    Verdict.DroppedServerLost,
    Verdict.DroppedUnresolved,
    Verdict.DroppedTableFull,
  ];
  for (const verdict of Object.values(Verdict)) {
    if (!rare.includes(verdict)) assert.ok(met.has(verdict), `${VERDICTS[verdict]!.name} never met`);
  }
});

/** Only MACs, TTL and IP checksum may differ, and the TCP checksum where the kernel is to complete it anyway. */
function assertOnlyRewritten(
  before: Uint8Array,
  { bytes: after, described }: SentFrame,
  serverMac: Mac,
  context: () => string,
): void {
  const expected = before.slice(0, after.length);
  new DataView(expected.buffer).setUint16(0, serverMac.high);
  new DataView(expected.buffer).setUint32(2, serverMac.low);
  expected.set(mac(DIRECTOR_MAC), 6);
  expected[TTL_OFFSET]! -= 1;
  expected.set(after.subarray(IP_CHECKSUM_OFFSET, IP_CHECKSUM_OFFSET + 2), IP_CHECKSUM_OFFSET);
  if (described[virtio.GSO_TYPE] !== 0) {
    const checksum = ETHERNET_BYTES + (before[ETHERNET_BYTES]! & 15) * 4 + TCP_CHECKSUM_OFFSET;
    expected.set(after.subarray(checksum, checksum + 2), checksum);
  } else {
    assert.equal(after.length, before.length, context());
  }
  assert.ok(isSame(after, expected), context());
  // Whatever was wrong with the sum is wrong by as much as before: a damaged header stays damaged.
  assert.equal(headerSum(after) % 0xffff, headerSum(before) % 0xffff, context());
}

function headerSum(frame: Uint8Array): number {
  const end = ETHERNET_BYTES + (frame[ETHERNET_BYTES]! & 15) * 4;
  let sum = 0;
  for (let at = ETHERNET_BYTES; at < end; at += 2) sum += frame[at]! * 256 + frame[at + 1]!;
  return sum;
}

/** Things that happen to a director between frames. */
function disturb(network: TestNetwork, random: Random, nowMs: number): void {
  network.forwarder.allowAnswers(random(2) === 0 ? 1e9 : random(20));
  network.connections.sweep(nowMs, network.connections.slotCount, network.scheduler);
  // A mutated ARP packet may have moved the real server.
  network.neighbors.reconcile(new Set(), nowMs);
  if (random(4) === 0) {
    network.adopt(random(2) === 0 ? SERVICES : SERVICES.slice(0, 1 + random(SERVICES.length)));
  }
  network.neighbors.reconcile(new Set([SERVER]), nowMs);
  network.learnServer(nowMs);
}

type Random = (below: number) => number;

/** A valid frame with some of its bytes changed, cut, or with more behind it. */
function mutatedFrame(random: Random): Uint8Array {
  let frame: Uint8Array = VALID[random(VALID.length)]!.slice();
  const header = Math.min(frame.length, ETHERNET_BYTES + IP_BYTES + 40);
  for (let left = random(4); left > 0 && header > 0; left--) {
    // The MACs are left alone mostly: a frame for nobody ends at once.
    const at = random(8) === 0 ? random(header) : Math.min(12 + random(header), frame.length - 1);
    frame[at] = random(3) === 0 ? EDGES[random(EDGES.length)]! : random(256);
  }
  const change = random(8);
  if (change === 0) frame = frame.slice(0, random(frame.length + 1));
  if (change === 1) frame = concat(frame, new Uint8Array(random(100)));
  return frame.subarray(0, FrameRing.FRAME_BYTES);
}

const EDGES = [0, 1, 2, 4, 5, 6, 8, 15, 17, 20, 0x40, 0x45, 0x46, 0x4f, 0x7f, 0x80, 0xfe, 0xff];

/** Bytes without any sense, some of them behind the MACs and type of a frame that is looked at. */
function inventedFrame(random: Random): Uint8Array {
  const frame = new Uint8Array(random(6) === 0 ? random(2_000) : random(120));
  for (let at = 0; at < frame.length; at++) frame[at] = random(256);
  if (random(2) === 0) frame.set(VALID[0]!.subarray(0, Math.min(frame.length, 15)));
  return frame;
}

/** Numbers from 0 to below a bound, the same for the same seed (xorshift32). */
function randomNumbers(seed: number): Random {
  let state = (seed | 0) === 0 ? 1 : seed | 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor((state >>> 0) / 2 ** 32 * below);
  };
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && Buffer.compare(one, other) === 0;
}
