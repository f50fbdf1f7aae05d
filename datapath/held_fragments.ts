/**
 * Fragments that came before the first one of their packet. They wait for it, for a short time and in little memory:
 * nothing proves that it will ever come.
 *
 * @module
 */

import { NONE } from "./connection_table.ts";
import { FrameRing } from "./frame_ring.ts";
import type { SendQueue } from "./send_queue.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv4 from "./wire/ipv4.ts";

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
  readonly #sources = new Int32Array(PACKETS);
  readonly #addresses = new Int32Array(PACKETS);
  /** Identification and protocol. */
  readonly #packets = new Int32Array(PACKETS);
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
   * Copies the fragment in `slot`. Hot path.
   *
   * @returns Whether there was room for it.
   */
  hold(slot: number, nowMs: number): boolean {
    const at = FrameRing.frameAt(slot);
    const ip = at + ethernet.HEADER_BYTES;
    let packet = this.#find(ip);
    if (packet === NONE) {
      packet = this.#frameCounts.indexOf(0);
      if (packet === NONE) return false;
      this.#sources[packet] = ipv4.source(this.#ring.view, ip);
      this.#addresses[packet] = ipv4.destination(this.#ring.view, ip);
      this.#packets[packet] = ipv4.packetNumber(this.#ring.view, ip);
      this.#deadlines[packet] = nowMs + PATIENCE_MS;
    }
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

  /** Lets the fragments of the packet at `ip` go, whose first one has come. Hot path. */
  free(ip: number): void {
    this.#freed = this.#find(ip);
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
    const slot = this.#queue.spare();
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

  #find(ip: number): number {
    const source = ipv4.source(this.#ring.view, ip);
    const address = ipv4.destination(this.#ring.view, ip);
    const number = ipv4.packetNumber(this.#ring.view, ip);
    for (let packet = 0; packet < PACKETS; packet++) {
      if (
        this.#frameCounts[packet] !== 0 && this.#packets[packet] === number &&
        this.#sources[packet] === source && this.#addresses[packet] === address
      ) return packet;
    }
    return NONE;
  }

  #startOf(packet: number, frame: number): number {
    return frame === 0 ? 0 : this.#ends[packet * FRAMES_PER_PACKET + frame - 1]!;
  }
}
