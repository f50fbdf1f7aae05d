/**
 * Frames that are ready to leave, in the order of each interface, and room for those that did not arrive as they
 * leave: the pieces of a packet, and fragments that had to wait.
 *
 * @module
 */

import type { FrameExit } from "./frame_port.ts";
import type { FrameRing } from "./frame_ring.ts";

/** Spare slots for pieces: enough to share the cost of a system call. */
const PIECE_SLOTS = 31;
/** Spare slots a queue needs: those, and one for a fragment that has waited. */
export const SPARE_SLOTS = PIECE_SLOTS + 1;

export class SendQueue {
  readonly #exits: readonly FrameExit[];
  readonly #ring: FrameRing;
  readonly #slots: Int32Array;
  /** Those of {@linkcode #slots} whose frames leave by one of several interfaces. */
  readonly #slotsOfExit: Int32Array;
  readonly #firstSpare: number;
  #count = 0;
  #sparesUsed = 0;

  /**
   * @param firstSpare The first of {@linkcode SPARE_SLOTS} slots of `ring` that nobody else uses.
   * @param uplinks Where frames leave whose `ring.egress` is 1 and more.
   */
  constructor(port: FrameExit, ring: FrameRing, firstSpare: number, uplinks: readonly FrameExit[] = []) {
    this.#exits = [port, ...uplinks];
    this.#ring = ring;
    this.#slots = new Int32Array(ring.slotCount);
    this.#slotsOfExit = new Int32Array(ring.slotCount);
    this.#firstSpare = firstSpare;
  }

  /** Appends the frame in `slot`, which must not change until the queue is flushed. Hot path. */
  add(slot: number): void {
    this.#slots[this.#count] = slot;
    this.#count += 1;
  }

  /** A slot to make a frame in and to add right away. May flush. Hot path. */
  spare(): number {
    if (this.#sparesUsed === PIECE_SLOTS) this.flush();
    this.#sparesUsed += 1;
    return this.#firstSpare + this.#sparesUsed - 1;
  }

  /**
   * The slot for a fragment that has waited. It is none of {@linkcode spare}'s: the pieces that the fragment is cut into
   * may take all of those. Flushes, as the one before it may still be queued.
   */
  spareForHeld(): number {
    this.flush();
    return this.#firstSpare + PIECE_SLOTS;
  }

  /** Sends what was added. Hot path. */
  flush(): void {
    if (this.#count > 0) {
      if (this.#exits.length === 1) this.#exits[0]!.transmit(this.#ring, this.#slots, this.#count);
      else this.#flushEach();
    }
    this.#count = 0;
    this.#sparesUsed = 0;
  }

  #flushEach(): void {
    const { egress } = this.#ring;
    const slots = this.#slotsOfExit;
    for (let exit = 0; exit < this.#exits.length; exit++) {
      let count = 0;
      for (let index = 0; index < this.#count; index++) {
        const slot = this.#slots[index]!;
        if (egress[slot] === exit) slots[count++] = slot;
      }
      if (count > 0) this.#exits[exit]!.transmit(this.#ring, slots, count);
    }
  }
}
