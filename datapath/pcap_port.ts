/**
 * A network interface as a {@linkcode FramePort}: libpcap takes frames in, a packet socket sends them in batches.
 *
 * @module
 */

import { openLibc } from "./ffi/libc.ts";
import { Capture, openLibpcap } from "./ffi/libpcap.ts";
import { PacketSocket } from "./ffi/packet_socket.ts";
import type { FramePort, PortStatistics } from "./frame_port.ts";
import { FrameRing } from "./frame_ring.ts";

/**
 * Memory of the capture ring. In immediate mode a slot must hold the longest possible frame, so this is some 500
 * frames while the interface merges frames, and some 30,000 where it does not.
 */
const CAPTURE_BUFFER_BYTES = 64 << 20;

export class PcapPort implements FramePort {
  readonly #capture: Capture;
  readonly #socket: PacketSocket;

  /**
   * Opens an interface for the frames of `ring`; no other ring may be used with this port.
   *
   * @throws {LibraryError} If libpcap is missing.
   * @throws {CaptureError} If the interface cannot be captured from.
   * @throws {HostError} If it cannot be sent to.
   */
  constructor(device: string, interfaceIndex: number, ring: FrameRing) {
    const libc = openLibc();
    this.#capture = new Capture(openLibpcap(), libc, {
      device,
      snapshotBytes: FrameRing.FRAME_BYTES,
      bufferBytes: CAPTURE_BUFFER_BYTES,
    });
    try {
      this.#socket = new PacketSocket(libc, {
        arena: ring.arena,
        slotCount: ring.slotCount,
        slotBytes: FrameRing.SLOT_BYTES,
        frameAt: FrameRing.HEADROOM_BYTES,
      }, interfaceIndex);
    } catch (error) {
      this.#capture.close();
      throw error;
    }
  }

  /** Lets through only what matches a pcap-filter(7) expression. */
  setFilter(expression: string): void {
    this.#capture.setFilter(expression);
  }

  receive(ring: FrameRing, limit: number): number {
    let count = 0;
    while (count < limit) {
      const bytes = this.#capture.next(ring.frames[count]!);
      if (bytes < 0) break;
      ring.lengths[count] = bytes;
      count += 1;
    }
    return count;
  }

  transmit(ring: FrameRing, slots: Int32Array, count: number): void {
    this.#socket.transmit(ring.lengths, slots, count);
  }

  wait(timeoutMs: number): void {
    this.#capture.wait(timeoutMs);
  }

  statistics(): PortStatistics {
    return { captureDrops: this.#capture.dropped, transmitErrors: this.#socket.errors };
  }

  close(): void {
    this.#capture.close();
    this.#socket.close();
  }
}
