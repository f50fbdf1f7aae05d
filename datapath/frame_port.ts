/**
 * Where frames come from and go to.
 *
 * @module
 */

import type { FrameRing } from "./frame_ring.ts";

/** Totals a port knows of. */
export interface PortStatistics {
  /** Frames the kernel had to drop because we were too slow to take them. */
  readonly captureDrops: number;
  /** Frames the kernel did not accept for sending. */
  readonly transmitErrors: number;
}

/** Where frames leave. */
export interface FrameExit {
  /**
   * Sends the frames of `ring` that are in the slots `slots[0]` to `slots[count - 1]`, each with its
   * `virtio_net_hdr` right before it. Frames the kernel refuses are counted, not tried again. Hot path.
   */
  transmit(ring: FrameRing, slots: Int32Array, count: number): void;
}

/** A network interface, or what stands for one in a test. */
export interface FramePort extends FrameExit {
  /**
   * Receives at most `limit` frames without waiting. The slots they are in stand in `ring.order`, all of them below
   * `limit`. A frame that did not fit has a length of 0. Hot path.
   *
   * @returns Number of frames; there may be more even if it is less than `limit`, but none if it is 0.
   */
  receive(ring: FrameRing, limit: number): number;
  /** Waits until a frame can be received, `timeoutMs` at most. */
  wait(timeoutMs: number): void;
  statistics(): PortStatistics;
  close(): void;
}
