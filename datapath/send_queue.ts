/**
 * Frames that are ready to leave, in their order, and room for those that did not arrive as they leave: the pieces of
 * a packet, and fragments that had to wait.
 *
 * @module
 */

import type { FramePort } from "./frame_port.ts";
import type { FrameRing } from "./frame_ring.ts";

/** Spare slots a queue needs: enough to share the cost of a system call. */
export const SPARE_SLOTS = 32;

export class SendQueue {
  readonly #port: FramePort;
  readonly #ring: FrameRing;
  readonly #slots: Int32Array;
  readonly #firstSpare: number;
  #count = 0;
  #sparesUsed = 0;

  /** @param firstSpare The first of {@linkcode SPARE_SLOTS} slots of `ring` that nobody else uses. */
  constructor(port: FramePort, ring: FrameRing, firstSpare: number) {
    this.#port = port;
    this.#ring = ring;
    this.#slots = new Int32Array(ring.slotCount);
    this.#firstSpare = firstSpare;
  }

  /** Appends the frame in `slot`, which must not change until the queue is flushed. Hot path. */
  add(slot: number): void {
    this.#slots[this.#count] = slot;
    this.#count += 1;
  }

  /** A slot to make a frame in and to add right away. May flush. Hot path. */
  spare(): number {
    if (this.#sparesUsed === SPARE_SLOTS) this.flush();
    this.#sparesUsed += 1;
    return this.#firstSpare + this.#sparesUsed - 1;
  }

  /** Sends what was added. Hot path. */
  flush(): void {
    if (this.#count > 0) this.#port.transmit(this.#ring, this.#slots, this.#count);
    this.#count = 0;
    this.#sparesUsed = 0;
  }
}
