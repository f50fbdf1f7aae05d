/**
 * Frames that the director sends of its own accord: begun one by one in slots of their own, sent together.
 *
 * @module
 */

import type { Mac } from "../model/ip_address.ts";
import type { FrameExit } from "./frame_port.ts";
import { FrameRing } from "./frame_ring.ts";
import type { LocalInterface } from "./local_interface.ts";
import { describeComplete } from "./offload.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as tag from "./wire/vlan.ts";

/** Bytes of a frame that are zero when it is begun, and the most it may have. */
export const LONGEST_FRAME_BYTES = 128;

/** Slots of a ring. */
export interface SlotRange {
  readonly first: number;
  readonly count: number;
}

export class OwnFrames {
  /** View of the slots; offsets are absolute. */
  readonly view: DataView<ArrayBuffer>;
  readonly #exit: FrameExit;
  readonly #ring: FrameRing;
  readonly #range: SlotRange;
  readonly #local: LocalInterface;
  readonly #slots: Int32Array;
  #pending = 0;

  /** @param range Slots of `ring` that are free between two calls of {@linkcode flush}. */
  constructor(exit: FrameExit, ring: FrameRing, range: SlotRange, local: LocalInterface) {
    this.view = ring.view;
    this.#exit = exit;
    this.#ring = ring;
    this.#range = range;
    this.#local = local;
    this.#slots = new Int32Array(range.count);
  }

  /**
   * Begins a frame from our MAC, whose payload is zero. Sends what was begun before if there is no more room.
   *
   * @param vlan VLAN it leaves in; `UNTAGGED` for none.
   * @returns Offset of the payload. It counts until the next frame is begun.
   */
  begin(destination: Mac, vlan: number, etherType: number): number {
    if (this.#pending === this.#slots.length) this.flush();
    const slot = this.#range.first + this.#pending;
    const at = FrameRing.frameAt(slot);
    this.#ring.shifts[slot] = 0;
    this.#ring.frames[slot]!.fill(0, 0, LONGEST_FRAME_BYTES);
    const tagBytes = vlan === ethernet.UNTAGGED ? 0 : ethernet.TAG_BYTES;
    ethernet.setDestination(this.view, at, destination.high, destination.low);
    ethernet.setSource(this.view, at, this.#local.macHigh, this.#local.macLow);
    if (vlan !== ethernet.UNTAGGED) tag.emit(this.view, at, vlan);
    ethernet.setEtherType(this.view, at + tagBytes, etherType);
    describeComplete(this.#ring, slot);
    this.#slots[this.#pending++] = slot;
    return at + ethernet.HEADER_BYTES + tagBytes;
  }

  /** Ends the frame begun last, at an offset; it gets the least bytes of an Ethernet frame. */
  endAt(end: number): void {
    const slot = this.#slots[this.#pending - 1]!;
    this.#ring.lengths[slot] = Math.max(end - FrameRing.frameAt(slot), ethernet.SHORTEST_FRAME_BYTES);
  }

  /**
   * Gives the IPv6 packet at an offset the link-local address that belongs to our MAC (RFC 4291 §2.5.1), whether or
   * not the kernel has it.
   */
  setLinkLocalSource(ip: number): void {
    const { macHigh, macLow } = this.#local;
    const c = ((macHigh ^ 0x0200) << 16) | ((macLow >>> 24) << 8) | 0xff;
    ipv6.setSource(this.view, ip, 0xfe80_0000, 0, c, (0xfe << 24) | (macLow & 0x00ff_ffff));
  }

  /** Sends all that was begun. */
  flush(): void {
    if (this.#pending > 0) this.#exit.transmit(this.#ring, this.#slots, this.#pending);
    this.#pending = 0;
  }
}
