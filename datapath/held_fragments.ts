/**
 * Fragments that came before the first one of their packet. They wait for it, for a short time and in little memory:
 * nothing proves that it will ever come.
 *
 * @module
 */

import { NONE } from "./connection_table.ts";
import { FrameRing } from "./frame_ring.ts";
import type { Packet } from "./packet.ts";
import type { SendQueue } from "./send_queue.ts";

/** Packets whose fragments can wait at the same time. */
const PACKETS = 16;
/** Bytes of frames that can wait for one packet. */
const BYTES_PER_PACKET = 65_536;
/** Frames that can wait for one packet: those of the largest, at the MTU of Ethernet, are 44. */
const FRAMES_PER_PACKET = 64;
/** How long they wait for the first one, from when the first of them came. */
const PATIENCE_MS = 1_000;

export class HeldFragments {
  readonly #ring: FrameRing;
  readonly #queue: SendQueue;
  readonly #arena = new Uint8Array(PACKETS * BYTES_PER_PACKET);
  /** Four words each. */
  readonly #clients = new Uint32Array(PACKETS * 4);
  readonly #vipIdentities = new Uint16Array(PACKETS);
  readonly #numbers = new Int32Array(PACKETS);
  readonly #deadlines = new Int32Array(PACKETS);
  /** Frames that wait for each packet; 0 where there is none. */
  readonly #frameCounts = new Int32Array(PACKETS);
  /** Where each waiting frame ends. */
  readonly #ends = new Int32Array(PACKETS * FRAMES_PER_PACKET);
  /** Packet whose frames may go, and the next of them. */
  #freed = NONE;
  #nextFrame = 0;

  constructor(ring: FrameRing, queue: SendQueue) {
    this.#ring = ring;
    this.#queue = queue;
  }

  /**
   * Copies a fragment. Hot path.
   *
   * @returns Whether there was room for it.
   */
  hold(fragment: Packet, nowMs: number): boolean {
    let packet = this.#find(fragment);
    if (packet === NONE) {
      packet = this.#frameCounts.indexOf(0);
      if (packet === NONE) return false;
      for (let word = 0; word < 4; word++) this.#clients[packet * 4 + word] = fragment.client[word]!;
      this.#vipIdentities[packet] = fragment.vipIdentity;
      this.#numbers[packet] = fragment.fragmentNumber;
      this.#deadlines[packet] = nowMs + PATIENCE_MS;
    }
    const { slot, at } = fragment;
    const count = this.#frameCounts[packet]!;
    const start = this.#startOf(packet, count);
    const bytes = this.#ring.lengths[slot]!;
    if (count === FRAMES_PER_PACKET || start + bytes > BYTES_PER_PACKET) return false;
    const to = packet * BYTES_PER_PACKET + start;
    for (let byte = 0; byte < bytes; byte++) this.#arena[to + byte] = this.#ring.arena[at + byte]!;
    this.#ends[packet * FRAMES_PER_PACKET + count] = start + bytes;
    this.#frameCounts[packet] = count + 1;
    return true;
  }

  /** Lets the fragments go whose first one has come. Hot path. */
  free(first: Packet): void {
    this.#freed = this.#find(first);
    this.#nextFrame = 0;
  }

  /** Slot with the next fragment that may go, or {@linkcode NONE}. It is to be handled as if just received. Hot path. */
  next(): number {
    const packet = this.#freed;
    if (packet === NONE) return NONE;
    if (this.#nextFrame === this.#frameCounts[packet]) {
      this.#frameCounts[packet] = 0;
      this.#freed = NONE;
      return NONE;
    }
    const start = this.#startOf(packet, this.#nextFrame);
    const bytes = this.#ends[packet * FRAMES_PER_PACKET + this.#nextFrame]! - start;
    const slot = this.#queue.spareForHeld();
    const to = FrameRing.frameAt(slot);
    const from = packet * BYTES_PER_PACKET + start;
    for (let byte = 0; byte < bytes; byte++) this.#ring.arena[to + byte] = this.#arena[from + byte]!;
    this.#ring.lengths[slot] = bytes;
    this.#nextFrame += 1;
    return slot;
  }

  /**
   * Gives up on packets whose first fragment has not come in time.
   *
   * @returns Frames that are lost by that.
   */
  expire(nowMs: number): number {
    let lost = 0;
    for (let packet = 0; packet < PACKETS; packet++) {
      if (((nowMs - this.#deadlines[packet]!) | 0) < 0) continue;
      lost += this.#frameCounts[packet]!;
      this.#frameCounts[packet] = 0;
    }
    return lost;
  }

  #find({ client, vipIdentity, fragmentNumber }: Packet): number {
    const clients = this.#clients;
    for (let packet = 0; packet < PACKETS; packet++) {
      const at = packet * 4;
      if (
        this.#frameCounts[packet] !== 0 && this.#numbers[packet] === fragmentNumber &&
        this.#vipIdentities[packet] === vipIdentity && clients[at + 3] === client[3] &&
        clients[at + 2] === client[2] && clients[at + 1] === client[1] && clients[at] === client[0]
      ) return packet;
    }
    return NONE;
  }

  #startOf(packet: number, frame: number): number {
    return frame === 0 ? 0 : this.#ends[packet * FRAMES_PER_PACKET + frame - 1]!;
  }
}
