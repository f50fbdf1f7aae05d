/**
 * A further interface that real servers are reached by. Frames only leave there: what arrives is no business of the
 * director's, whoever it is for, except for what it says about neighbours (uplink_neighbors.ts).
 *
 * @module
 */

import type { Libc } from "./ffi/libc.ts";
import { PacketSocket } from "./ffi/packet_socket.ts";
import type { FrameExit } from "./frame_port.ts";
import type { FrameRing } from "./frame_ring.ts";

export class Uplink implements FrameExit {
  readonly #socket: PacketSocket;

  /**
   * Opens an interface for the frames of `ring`; no other ring may be used with it.
   *
   * @throws {HostError} If it cannot be sent to.
   */
  constructor(libc: Libc, interfaceIndex: number, ring: FrameRing) {
    this.#socket = new PacketSocket(libc, ring.memory, interfaceIndex);
  }

  /** Frames the kernel did not accept. */
  get errors(): number {
    return this.#socket.errors;
  }

  transmit(ring: FrameRing, slots: Int32Array, count: number): void {
    this.#socket.transmit(ring.lengths, ring.shifts, slots, count);
  }

  close(): void {
    this.#socket.close();
  }
}
