/**
 * The memory frames live in while lvsdr works on them: one arena, cut into slots that are made once.
 *
 * @module
 */

import type { SlottedMemory } from "./ffi/packet_socket.ts";

/** Slots a port sends from or receives into, with views that no frame has to make anew. */
export class FrameRing {
  /**
   * Distance between slots. A frame that the kernel has merged for us (GRO, TSO) has up to 65,549 bytes. The odd
   * 2,112 bytes on top spread slot headers over the sets of the L1 cache, which a power of two would not.
   */
  static readonly SLOT_BYTES = 65_536 + 2_112;
  /** Room before the frame, for the header that accompanies it when sent. */
  static readonly HEADROOM_BYTES = 64;
  /** Longest frame that fits. */
  static readonly FRAME_BYTES = FrameRing.SLOT_BYTES - FrameRing.HEADROOM_BYTES;

  readonly slotCount: number;
  readonly arena: Uint8Array<ArrayBuffer>;
  /** View of the whole arena; offsets are absolute. */
  readonly view: DataView<ArrayBuffer>;
  /** Bytes of the frame in each slot. */
  readonly lengths: Uint32Array;
  /** Bytes by which the frame in each slot begins behind {@linkcode frameAt}: 0, or a tag's length up or down. */
  readonly shifts: Int8Array;
  /** Interface that the frame in each slot leaves by: 0 for that of the VIPs, from 1 on the uplinks. */
  readonly egress: Uint8Array;
  /** Slots in the order in which their frames arrived. */
  readonly order: Int32Array;
  /** Frame space of each slot. */
  readonly frames: readonly Uint8Array<ArrayBuffer>[];

  constructor(slotCount: number) {
    this.slotCount = slotCount;
    this.arena = new Uint8Array(slotCount * FrameRing.SLOT_BYTES);
    this.view = new DataView(this.arena.buffer);
    this.lengths = new Uint32Array(slotCount);
    this.shifts = new Int8Array(slotCount);
    this.egress = new Uint8Array(slotCount);
    this.order = Int32Array.from({ length: slotCount }, (_, slot) => slot);
    this.frames = Array.from(
      { length: slotCount },
      (_, slot) => new Uint8Array(this.arena.buffer, FrameRing.frameAt(slot), FrameRing.FRAME_BYTES),
    );
  }

  /** The slots as a socket sends from them. */
  get memory(): SlottedMemory {
    return {
      arena: this.arena,
      slotCount: this.slotCount,
      slotBytes: FrameRing.SLOT_BYTES,
      frameAt: FrameRing.HEADROOM_BYTES,
    };
  }

  /** Offset in the arena of the first byte of the frame in `slot`. Hot path. */
  startOf(slot: number): number {
    return FrameRing.frameAt(slot) + this.shifts[slot]!;
  }

  /** Offset in the arena of the first byte of `slot` that a frame is received into. */
  static frameAt(slot: number): number {
    return slot * FrameRing.SLOT_BYTES + FrameRing.HEADROOM_BYTES;
  }
}
