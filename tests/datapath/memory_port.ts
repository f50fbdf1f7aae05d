/**
 * A {@linkcode FramePort} without a network: frames come from a queue, what is sent is kept.
 *
 * @module
 */

import type { FramePort, PortStatistics } from "../../datapath/frame_port.ts";
import type { FrameRing } from "../../datapath/frame_ring.ts";
import * as virtio from "../../datapath/wire/virtio_net.ts";

/** A frame as it left. */
export interface SentFrame {
  readonly slot: number;
  readonly bytes: Uint8Array;
  /** The `virtio_net_hdr` that went with it. */
  readonly described: Uint8Array;
}

export class MemoryPort implements FramePort {
  /** Frames to be received; `null` stands for one that was cut by the capture. */
  readonly incoming: (Uint8Array | null)[] = [];
  /** Frames in the order they were sent. */
  readonly sent: SentFrame[] = [];

  receive(ring: FrameRing, limit: number): number {
    const frames = this.incoming.splice(0, limit);
    frames.forEach((frame, slot) => {
      if (frame !== null) ring.frames[slot]!.set(frame);
      ring.lengths[slot] = frame?.length ?? 0;
    });
    return frames.length;
  }

  transmit(ring: FrameRing, slots: Int32Array, count: number): void {
    for (const slot of slots.subarray(0, count)) this.sent.push(sentFrame(ring, slot));
  }

  wait(): void {}

  statistics(): PortStatistics {
    return { captureDrops: 0, transmitErrors: 0 };
  }

  close(): void {}
}

/** A copy of the frame that is ready in a slot. */
export function sentFrame(ring: FrameRing, slot: number): SentFrame {
  const at = ring.startOf(slot);
  return {
    slot,
    bytes: ring.arena.slice(at, at + ring.lengths[slot]!),
    described: ring.arena.slice(at - virtio.HEADER_BYTES, at),
  };
}
