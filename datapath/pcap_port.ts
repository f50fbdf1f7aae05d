/**
 * A network interface as a {@linkcode FramePort}: libpcap takes frames in, a packet socket sends them in batches.
 *
 * A slot of libpcap's ring in immediate mode has room for the longest frame it may get. Frames that the kernel has
 * merged have up to 64 KiB, and a ring with room for those holds a few hundred frames: a burst of small ones would
 * overflow it in a millisecond. So there are two captures, one for frames as they come on a wire and one for merged
 * ones, and what they receive is put back in order by its time of arrival.
 *
 * @module
 */

import { joinFanOutGroup, makeFanOutGroup } from "./ffi/fan_out.ts";
import { type Libc, openLibc } from "./ffi/libc.ts";
import { Capture, CaptureWait, openLibpcap } from "./ffi/libpcap.ts";
import { PacketSocket } from "./ffi/packet_socket.ts";
import type { FramePort, PortStatistics } from "./frame_port.ts";
import { FrameRing } from "./frame_ring.ts";
import { TAG_BYTES } from "./wire/ethernet.ts";

/** Memory of the capture of plain frames: some 16,000 of a wire with an MTU of 1,500. */
const PLAIN_BUFFER_BYTES = 32 << 20;
/** Memory of the capture of merged frames: some 500, or 32 MB of a stream. */
const MERGED_BUFFER_BYTES = 64 << 20;
/** What a frame of a wire has besides its packet: an Ethernet header, and some tags of 4 bytes each. */
const FRAMING_BYTES = 14 + 4 * 4;
/** Matches nothing: every frame has an Ethernet header. */
const NOTHING = "less 1";

/** Numbers of the groups that the captures of plain and of merged frames are members of. */
export type FanOutGroups = readonly [plain: number, merged: number];

/** How ports of one interface, each of a worker of its own, share what arrives there. */
export interface FanOut {
  /** See `steeringProgram()`. */
  readonly program: Uint8Array<ArrayBuffer>;
  /** Those of the first port, whose workers are numbered in the order they join; `null` for that port itself. */
  readonly groups: FanOutGroups | null;
}

export class PcapPort implements FramePort {
  /** Groups the port is a member of; `null` if it shares the interface with none. */
  readonly groups: FanOutGroups | null;
  readonly #plain: Capture;
  readonly #merged: Capture;
  readonly #wait: CaptureWait;
  readonly #socket: PacketSocket;
  readonly #longestPlain: number;
  #filter: string | null = null;
  /** Time of arrival of the frame in each slot. */
  readonly #seconds: Int32Array;
  readonly #nanoseconds: Int32Array;
  /** Slots with plain frames that were received but are not handed out yet: from the first up to the second. */
  #plainFrom = 0;
  #plainTo = 0;
  /** Whether {@linkcode #merged} has a current frame that is not copied yet. */
  #hasMerged = false;

  /**
   * Opens an interface for the frames of `ring`; no other ring may be used with this port.
   *
   * @param mtu Largest IP packet of the interface.
   * @param wakeFd Descriptor of a `WakeUp` that ends {@linkcode wait}; −1 if there is none.
   * @param fanOut `null`: it gets everything that arrives. Otherwise nothing until its filter is set, for which all
   *   ports of the groups must be there: whose a frame is depends on their number.
   * @throws {LibraryError} If libpcap is missing.
   * @throws {CaptureError} If the interface cannot be captured from.
   * @throws {HostError} If it cannot be sent to.
   */
  constructor(
    device: string,
    interfaceIndex: number,
    mtu: number,
    ring: FrameRing,
    wakeFd = -1,
    fanOut: FanOut | null = null,
  ) {
    const libc = openLibc();
    const libpcap = openLibpcap();
    this.#longestPlain = mtu + FRAMING_BYTES;
    this.#seconds = new Int32Array(ring.slotCount);
    this.#nanoseconds = new Int32Array(ring.slotCount);
    using opened = new DisposableStack();
    const open = (snapshotBytes: number, bufferBytes: number) =>
      opened.use(new Capture(libpcap, libc, { device, snapshotBytes, bufferBytes }));
    // The filter sees a frame before libpcap puts its tag back.
    this.#plain = open(this.#longestPlain + TAG_BYTES, PLAIN_BUFFER_BYTES);
    this.#merged = open(FrameRing.FRAME_BYTES, MERGED_BUFFER_BYTES);
    this.groups = fanOut === null ? null : this.#share(libc, fanOut);
    this.#wait = new CaptureWait(libc, [this.#plain, this.#merged], wakeFd);
    this.#socket = new PacketSocket(libc, ring.memory, interfaceIndex);
    opened.move();
  }

  /**
   * Lets through only what matches a pcap-filter(7) expression. While libpcap changes a filter, it lets nothing
   * through: frames that come then are lost, and nobody counts them.
   */
  setFilter(expression: string): void {
    if (expression === this.#filter) return;
    this.#filter = expression;
    this.#plain.setFilter(`(${expression}) and less ${this.#longestPlain}`);
    this.#merged.setFilter(`(${expression}) and greater ${this.#longestPlain + 1}`);
  }

  receive(ring: FrameRing, limit: number): number {
    const plainSlots = limit - (limit >> 2);
    if (this.#plainFrom === this.#plainTo) this.#receivePlain(ring, plainSlots);
    // After the plain ones: a merged frame that came before one of them is certainly in its ring by now.
    const mergedTo = this.#receiveMerged(ring, plainSlots, limit);
    return this.#handOut(ring, plainSlots, mergedTo, limit);
  }

  transmit(ring: FrameRing, slots: Int32Array, count: number): void {
    this.#socket.transmit(ring.lengths, ring.shifts, slots, count);
  }

  wait(timeoutMs: number): void {
    this.#wait.wait(timeoutMs);
  }

  statistics(): PortStatistics {
    return {
      captureDrops: this.#plain.dropped + this.#merged.dropped,
      transmitErrors: this.#socket.errors,
    };
  }

  close(): void {
    this.#plain.close();
    this.#merged.close();
    this.#socket.close();
  }

  #share(libc: Libc, { program, groups }: FanOut): FanOutGroups {
    const captures = [this.#plain, this.#merged];
    for (const capture of captures) {
      capture.setFilter(NOTHING);
      // What came before the filter: it may belong to another worker.
      while (capture.advance());
    }
    if (groups === null) {
      return [
        makeFanOutGroup(libc, this.#plain.fd, program),
        makeFanOutGroup(libc, this.#merged.fd, program),
      ];
    }
    captures.forEach(({ fd }, index) => joinFanOutGroup(libc, fd, groups[index]!));
    return groups;
  }

  /** Fills the first slots. Hot path. */
  #receivePlain(ring: FrameRing, slots: number): void {
    let slot = 0;
    while (slot < slots && this.#plain.advance()) {
      this.#take(this.#plain, ring, slot);
      slot += 1;
    }
    this.#plainFrom = 0;
    this.#plainTo = slot;
  }

  /**
   * Fills slots from `first` with merged frames that came before the last plain one: one that came later may have
   * come after plain frames that are not received yet. Hot path.
   *
   * @returns The slot after the last one filled.
   */
  #receiveMerged(ring: FrameRing, first: number, end: number): number {
    let slot = first;
    while (slot < end) {
      if (!this.#hasMerged) this.#hasMerged = this.#merged.advance();
      if (!this.#hasMerged) break;
      if (this.#plainTo > this.#plainFrom && this.#isMergedAfter(this.#plainTo - 1)) break;
      this.#take(this.#merged, ring, slot);
      this.#hasMerged = false;
      slot += 1;
    }
    // The next one, which had no slot any more, decides how far the plain ones may go.
    if (slot === end && !this.#hasMerged) this.#hasMerged = this.#merged.advance();
    return slot;
  }

  /** Puts the slots of both into order, as far as it is certain. Hot path. */
  #handOut(ring: FrameRing, mergedFrom: number, mergedTo: number, end: number): number {
    // Only then is at least one frame handed out whatever their times are: the clock may have been set back.
    const mayWait = mergedTo === end && this.#hasMerged;
    let merged = mergedFrom;
    let count = 0;
    while (this.#plainFrom < this.#plainTo) {
      const plain = this.#plainFrom;
      if (merged < mergedTo && this.#isBefore(merged, plain)) {
        ring.order[count++] = merged++;
        continue;
      }
      // The rest waits for merged frames that had no slot this time.
      if (mayWait && merged === mergedTo && !this.#isMergedAfter(plain)) return count;
      ring.order[count++] = plain;
      this.#plainFrom += 1;
    }
    while (merged < mergedTo) ring.order[count++] = merged++;
    return count;
  }

  #take(capture: Capture, ring: FrameRing, slot: number): void {
    ring.lengths[slot] = capture.copy(ring.frames[slot]!);
    this.#seconds[slot] = capture.seconds();
    this.#nanoseconds[slot] = capture.nanoseconds();
  }

  /** Whether the frame in one slot came before the one in another. */
  #isBefore(one: number, other: number): boolean {
    const seconds = (this.#seconds[one]! - this.#seconds[other]!) | 0;
    return seconds < 0 || (seconds === 0 && this.#nanoseconds[one]! < this.#nanoseconds[other]!);
  }

  /** Whether the merged frame that waits came after the one in a slot. */
  #isMergedAfter(slot: number): boolean {
    const seconds = (this.#merged.seconds() - this.#seconds[slot]!) | 0;
    return seconds > 0 || (seconds === 0 && this.#merged.nanoseconds() > this.#nanoseconds[slot]!);
  }
}
