/**
 * A port for a little traffic: one capture with a small ring, where a datapath has two large ones.
 *
 * @module
 */

import { GroupMembership } from "../datapath/ffi/group_membership.ts";
import { openLibc } from "../datapath/ffi/libc.ts";
import { Capture, openLibpcap } from "../datapath/ffi/libpcap.ts";
import { PacketSocket } from "../datapath/ffi/packet_socket.ts";
import type { FramePort, PortStatistics } from "../datapath/frame_port.ts";
import { FrameRing } from "../datapath/frame_ring.ts";

/** Longer than any frame of interest: an ICMP error quotes 1,232 bytes at the most (RFC 4443 §2.4). */
const SNAPSHOT_BYTES = 2_048;
/** Some 500 frames. */
const BUFFER_BYTES = 2 << 20;

export class ListeningPort implements FramePort {
  readonly #capture: Capture;
  readonly #socket: PacketSocket;
  readonly #groups: GroupMembership;

  /**
   * Opens an interface for the frames of `ring`; no other ring may be used with this port.
   *
   * @throws {LibraryError} If libpcap is missing.
   * @throws {CaptureError} If the interface cannot be captured from.
   * @throws {HostError} If it cannot be sent to.
   */
  constructor(device: string, interfaceIndex: number, ring: FrameRing) {
    const libc = openLibc();
    using opened = new DisposableStack();
    this.#capture = opened.use(
      new Capture(openLibpcap(), libc, {
        device,
        snapshotBytes: SNAPSHOT_BYTES,
        bufferBytes: BUFFER_BYTES,
      }),
    );
    this.#socket = new PacketSocket(libc, ring.memory, interfaceIndex);
    this.#groups = new GroupMembership(libc, device, interfaceIndex);
    opened.move();
  }

  /** Lets through only what matches a pcap-filter(7) expression. */
  setFilter(expression: string): void {
    this.#capture.setFilter(expression);
  }

  /**
   * Joins the multicast groups that the IPv6 addresses among `addresses` are asked for in, until the port is closed.
   *
   * @throws {HostError} If IPv6 is switched off on the interface, or the kernel refuses.
   */
  joinGroups(addresses: readonly string[]): void {
    this.#groups.set(addresses);
  }

  receive(ring: FrameRing, limit: number): number {
    let count = 0;
    while (count < limit && this.#capture.advance()) {
      ring.lengths[count] = this.#capture.copy(ring.frames[count]!);
      ring.order[count] = count;
      count += 1;
    }
    return count;
  }

  transmit(ring: FrameRing, slots: Int32Array, count: number): void {
    this.#socket.transmit(ring.lengths, ring.shifts, slots, count);
  }

  /** Does not wait: whoever listens for a little traffic has other things to do. */
  wait(): void {}

  statistics(): PortStatistics {
    return { captureDrops: this.#capture.dropped, transmitErrors: this.#socket.errors };
  }

  close(): void {
    this.#capture.close();
    this.#socket.close();
    this.#groups.close();
  }
}
