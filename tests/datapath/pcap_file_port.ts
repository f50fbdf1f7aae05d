/**
 * A {@linkcode FramePort} that reads a capture file and keeps what is sent for another, as a wire would have carried
 * it: what the kernel is asked to do with a frame that leaves is done here.
 *
 * @module
 */

import type { FramePort, PortStatistics } from "../../datapath/frame_port.ts";
import type { FrameRing } from "../../datapath/frame_ring.ts";
import { finishedFrames } from "./finished_frames.ts";
import { sentFrame } from "./memory_port.ts";
import { readPcap } from "./pcap_file.ts";

export class PcapFilePort implements FramePort {
  /** What has left, in order. */
  readonly sent: Uint8Array[] = [];
  readonly #incoming: readonly Uint8Array[];
  #next = 0;

  /**
   * @param file A capture as tcpdump(8) writes it.
   * @throws {Error} If it is none, or its frames are not whole.
   */
  constructor(file: Uint8Array) {
    this.#incoming = readPcap(file);
  }

  /** What came and will come, in order. */
  get received(): readonly Uint8Array[] {
    return this.#incoming;
  }

  receive(ring: FrameRing, limit: number): number {
    const frames = this.#incoming.slice(this.#next, this.#next + limit);
    frames.forEach((frame, slot) => {
      ring.frames[slot]!.set(frame);
      ring.lengths[slot] = frame.length;
    });
    this.#next += frames.length;
    return frames.length;
  }

  transmit(ring: FrameRing, slots: Int32Array, count: number): void {
    for (const slot of slots.subarray(0, count)) {
      const { bytes, described } = sentFrame(ring, slot);
      this.sent.push(...finishedFrames(bytes, described));
    }
  }

  wait(): void {}

  statistics(): PortStatistics {
    return { captureDrops: 0, transmitErrors: 0 };
  }

  close(): void {}
}
