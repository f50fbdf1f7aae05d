/**
 * Feeds hostile frames to the engine of a {@linkcode TestNetwork} and checks that it decides about each, that whatever
 * leaves is what may leave, and that nothing is written that it has no business with.
 *
 * @module
 */

import assert from "node:assert/strict";
import { BATCH_FRAMES, TICK_MS } from "../../datapath/engine.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { HELD, LAST_SENT, Verdict, VERDICTS } from "../../datapath/verdict.ts";
import * as virtio from "../../datapath/wire/virtio_net.ts";
import { familyOf } from "../../model/ip_address.ts";
import { mac } from "./frame_builder.ts";
import { checkAnswer } from "./fuzz_answers.ts";
import { checkPieces, checkRewritten, type Fail } from "./fuzz_forwarded.ts";
import { hostileFrames, type Random, randomNumbers } from "./fuzz_frames.ts";
import { MemoryPort, type SentFrame } from "./memory_port.ts";
import { isSame, TAG_BYTES } from "./packet_bytes.ts";
import { SERVICES, TestNetwork } from "./test_network.ts";

/** What memory that nobody may touch is filled with. */
const CANARY = 0xa5;
/** Breaths between two looks at the whole arena: comparing it costs more than a frame does. */
const BREATHS_PER_LOOK = 128;
const BREATHS_PER_DISTURBANCE = 32;
/** By then every fragment that waits has been given up. */
const LONGEST_WAIT_MS = 1_000 + TICK_MS;

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
 * @throws {assert.AssertionError} At the first frame that ends in no verdict, leaves as it may not, or makes the
 * forwarder write to a byte it may not write to. The message names the seed and holds the frame.
 */
export function fuzz({ seed, frames, onProgress = () => {} }: FuzzOptions): Float64Array {
  const random = randomNumbers(seed);
  const hostile = hostileFrames(random);
  const port = new MemoryPort();
  const network = new TestNetwork({ port, maxConnections: 5_000 });
  const witness = new Witness(network, port, seed);
  let nowMs = 0;
  let taken = 0;
  for (let breath = 0; taken < frames; breath++) {
    // Mostly few, so that it is soon known which one was wrong.
    const size = Math.min(random(8) === 0 ? BATCH_FRAMES : 1 + random(8), frames - taken);
    nowMs += random(2 * size + 1);
    witness.breathe(Array.from({ length: size }, () => hostile.next().value), nowMs);
    taken += size;
    if (breath % BREATHS_PER_LOOK === 0 || taken === frames) {
      witness.lookAround();
      onProgress(taken);
    }
    if (breath % BREATHS_PER_DISTURBANCE === 0) disturb(network, random, nowMs);
  }
  witness.breathe([], nowMs + LONGEST_WAIT_MS);
  const { verdicts } = network.engine;
  const ended = verdicts.reduce((sum, count) => sum + count, 0);
  assert.equal(ended, frames, `not every frame has ended in one verdict; seed ${seed}`);
  for (const [verdict, count] of witness.decided.entries()) {
    // Fragments that nobody came for end without being looked at again.
    if (verdict !== Verdict.DroppedFragment) assert.equal(verdicts[verdict], count, VERDICTS[verdict]!.name);
  }
  return verdicts;
}

/** What was decided about one frame. */
interface Decision {
  readonly slot: number;
  /** As it was before. */
  readonly frame: Uint8Array;
  readonly verdict: Verdict;
  /** MACs that real servers had at that moment. */
  readonly serverMacs: readonly Uint8Array[];
}

interface WaitingFragment {
  readonly frame: Uint8Array;
  readonly sinceMs: number;
}

/** Sees every decision of a network's forwarder and every frame that leaves. */
class Witness {
  /** Decisions by verdict. */
  readonly decided = new Float64Array(VERDICTS.length);
  readonly #network: TestNetwork;
  readonly #port: MemoryPort;
  readonly #seed: number;
  readonly #untouched: Uint8Array;
  #received: readonly Uint8Array[] = [];
  #decisions: Decision[] = [];
  #waiting: WaitingFragment[] = [];
  #serverMacs: readonly Uint8Array[] = [];
  #changesSeen = -1;

  constructor(network: TestNetwork, port: MemoryPort, seed: number) {
    this.#network = network;
    this.#port = port;
    this.#seed = seed;
    network.ring.arena.fill(CANARY);
    this.#untouched = network.ring.arena.slice();
    const { forwarder } = network;
    const forwardFrame = forwarder.forwardFrame.bind(forwarder);
    forwarder.forwardFrame = (slot, nowMs) => {
      const frame = this.#received[slot] ?? this.#freed(slot, nowMs);
      const fail = this.#failing(frame);
      let verdict: ReturnType<typeof forwardFrame>;
      try {
        verdict = forwardFrame(slot, nowMs);
      } catch (cause) {
        throw new Error("forwardFrame() has thrown", { cause });
      }
      if (!Number.isInteger(verdict) || verdict < HELD || verdict >= VERDICTS.length) {
        fail(`${verdict} is no verdict`);
      }
      if (verdict !== HELD) this.#decide({ slot, frame, verdict, serverMacs: this.#macs() });
      else if (slot >= BATCH_FRAMES) fail("a fragment waits twice");
      else this.#waiting.push({ frame, sinceMs: nowMs });
      if ((verdict === HELD || verdict > LAST_SENT) && !isSame(this.#inSlot(slot, frame.length), frame)) {
        fail("written to, but not sent");
      }
      return verdict;
    };
  }

  /** Lets frames in and checks what leaves. */
  breathe(frames: readonly Uint8Array[], nowMs: number): void {
    this.#received = frames;
    this.#decisions = [];
    this.#port.sent.length = 0;
    this.#port.incoming.push(...frames);
    try {
      this.#network.engine.breathe(nowMs);
    } catch (cause) {
      if (cause instanceof assert.AssertionError) throw cause;
      const texts = frames.map((frame) => frame.toHex()).join("\n");
      throw new Error(`The engine has thrown; seed ${this.#seed}, one of these frames:\n${texts}`, { cause });
    }
    this.#waiting = this.#waiting.filter(({ sinceMs }) => nowMs - sinceMs < 2 * LONGEST_WAIT_MS);
    this.#checkSent();
    for (const [slot, frame] of frames.entries()) this.#wipe(slot, frame.length);
    for (const { slot, bytes } of this.#port.sent) this.#wipe(slot, bytes.length);
    for (const { slot, frame } of this.#decisions) this.#wipe(slot, frame.length);
  }

  /** Checks that nothing has been written but where frames were. */
  lookAround(): void {
    if (!isSame(this.#network.ring.arena, this.#untouched)) {
      assert.fail(`written outside the frames, shortly before now; seed ${this.#seed}`);
    }
  }

  #decide(decision: Decision): void {
    this.decided[decision.verdict]! += 1;
    this.#decisions.push(decision);
  }

  /** Every frame that has left must be due to a decision, in the order in which these were taken. */
  #checkSent(): void {
    const { sent } = this.#port;
    let next = 0;
    for (const decision of this.#decisions) {
      if (decision.verdict > LAST_SENT) continue;
      const fail = this.#failing(decision.frame);
      const first = next;
      if (decision.verdict === Verdict.ForwardedInFragments) {
        while (next < sent.length && sent[next]!.slot !== decision.slot) next += 1;
      }
      const last = sent[next] ?? fail("decided to be sent, and not sent");
      if (last.slot !== decision.slot) fail("another frame was sent in its place");
      next += 1;
      check(decision, last, sent.slice(first, next), fail);
    }
    if (next !== sent.length) assert.fail(`a frame was sent for no reason; seed ${this.#seed}`);
  }

  /** The fragment that has waited and is in a spare slot now. */
  #freed(slot: number, nowMs: number): Uint8Array {
    const frame = this.#inSlot(slot, this.#network.ring.lengths[slot]!).slice();
    const fail = this.#failing(frame);
    const waiting = this.#waiting.find((fragment) => isSame(fragment.frame, frame)) ??
      fail("a fragment comes that has never waited");
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    if (nowMs - waiting.sinceMs > 2 * LONGEST_WAIT_MS) fail("a fragment has waited too long");
    return frame;
  }

  #macs(): readonly Uint8Array[] {
    if (this.#changesSeen !== this.#network.changes.length) {
      this.#changesSeen = this.#network.changes.length;
      this.#serverMacs = [...new Set(this.#network.serverMacs())].map(mac);
    }
    return this.#serverMacs;
  }

  #inSlot(slot: number, length: number): Uint8Array {
    const at = FrameRing.frameAt(slot);
    return this.#network.ring.arena.subarray(at, at + length);
  }

  /** A tag that is put in, and the header in front of a frame, come before where it has arrived. */
  #wipe(slot: number, length: number): void {
    const at = FrameRing.frameAt(slot);
    this.#network.ring.arena.fill(CANARY, at - TAG_BYTES - virtio.HEADER_BYTES, at + length);
  }

  #failing(frame: Uint8Array): Fail {
    return (what) => assert.fail(`${what}; seed ${this.#seed}, frame: ${frame.toHex()}`);
  }
}

function check(
  { verdict, frame, serverMacs }: Decision,
  last: SentFrame,
  sent: readonly SentFrame[],
  fail: Fail,
): void {
  if (last.bytes.length > FrameRing.FRAME_BYTES) fail("longer than its slot");
  switch (verdict) {
    case Verdict.Forwarded:
    case Verdict.ForwardedIcmp:
      return checkRewritten(frame, last, serverMacs, fail);
    case Verdict.ForwardedInFragments:
      return checkPieces(frame, sent, serverMacs, fail);
    default:
      return checkAnswer(verdict, frame, last, fail);
  }
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
