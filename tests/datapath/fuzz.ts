/**
 * Feeds hostile frames to the forwarder of a {@linkcode TestNetwork} and checks, frame by frame, that it decides, and
 * writes nothing it has no business with.
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
import { familyOf } from "../../model/ip_address.ts";
import { mac } from "./frame_builder.ts";
import { hostileFrame, type Random, randomNumbers } from "./fuzz_frames.ts";
import { MemoryPort, type SentFrame } from "./memory_port.ts";
import { DIRECTOR_MAC, SERVICES, TestNetwork } from "./test_network.ts";

/** What memory that nobody may touch is filled with. */
const CANARY = 0xa5;
/** Frames between two looks at the whole arena: comparing it costs more than a frame does. */
const FRAMES_PER_LOOK = 1_024;
const FRAMES_PER_DISTURBANCE = 256;
const SLOT = 1;
/** By then every fragment that waits has been given up. */
const LONGEST_WAIT_MS = 1_000;

const ETHERNET_BYTES = 14;
const TAG_BYTES = 4;
const TAGGED_BYTES = ETHERNET_BYTES + TAG_BYTES;
/** Of the IP packet. */
const TTL_OFFSET = 8;
const HOP_LIMIT_OFFSET = 7;
const IP_CHECKSUM_OFFSET = 10;
const TCP_CHECKSUM_OFFSET = 16;

export interface FuzzOptions {
  /** The same frames come for the same seed. */
  readonly seed: number;
  readonly frames: number;
  /** Told now and then how many frames have been taken. @default nobody is told */
  readonly onProgress?: (taken: number) => void;
}

/**
 * Feeds frames and returns how many of them ended in each verdict, by its number.
 *
 * @throws {assert.AssertionError} At the first frame that ends in no verdict or makes the forwarder write to a byte
 * it may not write to. The message names the seed and holds the frame.
 */
export function fuzz({ seed, frames, onProgress = () => {} }: FuzzOptions): Float64Array {
  const random = randomNumbers(seed);
  const port = new MemoryPort();
  const network = new TestNetwork({ port, maxConnections: 5_000 });
  const untouched = new Uint8Array(network.ring.arena.length).fill(CANARY);
  network.ring.arena.fill(CANARY);
  const verdicts = new Float64Array(VERDICTS.length);
  let nowMs = 0;
  let waiting = 0;
  for (let count = 0; count < frames; count++) {
    nowMs += random(3);
    const frame = hostileFrame(random);
    const context = (what: string) => `${what}; seed ${seed}, frame ${count}: ${frame.toHex()}`;
    const { verdict, out } = take(network, frame, nowMs, context);
    if (verdict === HELD) waiting += 1;
    else verdicts[verdict]! += 1;
    for (let held = network.forwarder.nextHeld(); held !== NONE; held = network.forwarder.nextHeld()) {
      const end = network.forwarder.forwardFrame(held, nowMs);
      if (end === HELD) assert.fail(context("a fragment waits twice"));
      else verdicts[end]! += 1;
      waiting -= 1;
    }
    if (random(1_000) === 0) waiting -= expire(network, nowMs, verdicts);

    if (out.bytes.length > FrameRing.FRAME_BYTES) assert.fail(context("longer than its slot"));
    if (verdict === Verdict.Forwarded || verdict === Verdict.ForwardedIcmp) {
      assertOnlyRewritten(network, frame, out, context);
    } else if (verdict > LAST_SENT && !isSame(out.bytes, frame)) {
      assert.fail(context("written to, but not sent"));
    }

    network.queue.flush();
    port.sent.length = 0;

    const at = FrameRing.frameAt(SLOT);
    const written = Math.max(frame.length, out.bytes.length);
    network.ring.arena.fill(CANARY, at - TAG_BYTES - virtio.HEADER_BYTES, at + written);
    if (count % FRAMES_PER_LOOK === 0 || count === frames - 1) {
      // Spare slots are there to be written to.
      network.ring.arena.fill(CANARY, FrameRing.frameAt(BATCH_FRAMES) - virtio.HEADER_BYTES);
      if (!isSame(network.ring.arena, untouched)) {
        assert.fail(context("written outside the frame, by this one or one shortly before it"));
      }
      onProgress(count + 1);
    }
    if (count % FRAMES_PER_DISTURBANCE === 0) disturb(network, random, nowMs);
  }
  const expired = expire(network, nowMs + LONGEST_WAIT_MS, verdicts);
  assert.equal(expired, waiting, "fragments that wait are lost count of");
  const ended = verdicts.reduce((sum, count) => sum + count, 0);
  assert.equal(ended, frames, "not every frame has ended in one verdict");
  return verdicts;
}

type Context = (what: string) => string;

function take(
  network: TestNetwork,
  frame: Uint8Array,
  nowMs: number,
  context: Context,
): ReturnType<TestNetwork["forward"]> {
  try {
    const result = network.forward(frame, nowMs, SLOT);
    const { verdict } = result;
    if (!Number.isInteger(verdict) || verdict < HELD || verdict >= VERDICTS.length) {
      assert.fail(context(`${verdict} is no verdict`));
    }
    return result;
  } catch (cause) {
    if (cause instanceof assert.AssertionError) throw cause;
    throw new Error(context("forwardFrame() has thrown"), { cause });
  }
}

/** Gives up on fragments that have waited for too long and returns how many. */
function expire(network: TestNetwork, nowMs: number, verdicts: Float64Array): number {
  const expired = network.forwarder.expireHeld(nowMs);
  verdicts[Verdict.DroppedFragment]! += expired;
  return expired;
}

/**
 * Only MACs, VLAN, hop limit and IP checksum may differ, and the TCP checksum where the kernel is to complete it
 * anyway.
 */
function assertOnlyRewritten(
  network: TestNetwork,
  before: Uint8Array,
  { bytes: after, described }: SentFrame,
  context: Context,
): void {
  if (!network.serverMacs().some((text) => startsWith(after, mac(text)))) {
    assert.fail(context("sent to a MAC of no real server"));
  }
  if (!isSame(after.subarray(6, 12), DIRECTOR_MAC_BYTES)) assert.fail(context("sent from another MAC"));
  const isTagged = isVlanTagged(before);
  if (isTagged && isVlanTagged(after) && after[14]! >>> 4 !== before[14]! >>> 4) {
    assert.fail(context("the priority has changed"));
  }
  const packet = after.subarray(isVlanTagged(after) ? TAGGED_BYTES : ETHERNET_BYTES);
  const arrived = before.subarray(isTagged ? TAGGED_BYTES : ETHERNET_BYTES);
  const expected = arrived.slice(0, packet.length);
  const isIpv4 = arrived[0]! >>> 4 === 4;
  expected[isIpv4 ? TTL_OFFSET : HOP_LIMIT_OFFSET]! -= 1;
  if (isIpv4) {
    expected.set(packet.subarray(IP_CHECKSUM_OFFSET, IP_CHECKSUM_OFFSET + 2), IP_CHECKSUM_OFFSET);
  }
  if (described[virtio.GSO_TYPE] !== 0) {
    const start = new DataView(described.buffer).getUint16(virtio.CHECKSUM_START, true);
    const checksum = start - (after.length - packet.length) + TCP_CHECKSUM_OFFSET;
    expected.set(packet.subarray(checksum, checksum + 2), checksum);
  } else if (packet.length !== arrived.length) {
    assert.fail(context(`${before.length} bytes became ${after.length}`));
  }
  if (!isSame(packet, expected)) assert.fail(context(`more is rewritten than may be: ${after.toHex()}`));
  // Whatever was wrong with the sum is wrong by as much as before: a damaged header stays damaged.
  if (isIpv4 && headerSum(packet) % 0xffff !== headerSum(arrived) % 0xffff) {
    assert.fail(context("the IP checksum is off"));
  }
}

const DIRECTOR_MAC_BYTES = mac(DIRECTOR_MAC);

function isVlanTagged(frame: Uint8Array): boolean {
  return frame[12] === 0x81 && frame[13] === 0;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return isSame(bytes.subarray(0, start.length), start);
}

function headerSum(packet: Uint8Array): number {
  const end = (packet[0]! & 15) * 4;
  let sum = 0;
  for (let at = 0; at < end; at += 2) sum += packet[at]! * 256 + packet[at + 1]!;
  return sum;
}

/** The services when they let nobody in, and when they let each client open one connection in a while. */
const DENYING = SERVICES.map((service) => ({
  ...service,
  deny: [{ address: familyOf(service.vip) === 4 ? "0.0.0.0" : "::", length: 0 }],
}));
const LIMITED = SERVICES.map((service) => ({ ...service, newConnectionsPerSource: 1 }));

/** Things that happen to a director between frames. */
function disturb(network: TestNetwork, random: Random, nowMs: number): void {
  network.forwarder.allowAnswers(random(2) === 0 ? 1e9 : random(20));
  network.connections.sweep(nowMs, network.connections.slotCount, network.scheduler);
  // A mutated message may have moved the real server.
  network.forgetServers(nowMs);
  if (random(4) === 0) {
    network.adopt([SERVICES, SERVICES.slice(0, 1 + random(SERVICES.length)), DENYING, LIMITED][random(4)]!);
  }
  network.learnServer(nowMs);
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && Buffer.compare(one, other) === 0;
}
