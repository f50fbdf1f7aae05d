/**
 * Which answers the director gives itself, and how many: whoever makes it answer must not be able to make it flood.
 * ARP is not among them; see replies.ts for what each looks like.
 *
 * @module
 */

import type { FrameRing } from "./frame_ring.ts";
import type { LocalInterface } from "./local_interface.ts";
import { replyToEcho, replyWithIcmpError, replyWithReset } from "./replies.ts";
import { Verdict } from "./verdict.ts";
import * as icmp from "./wire/icmpv4.ts";
import * as tcp from "./wire/tcp.ts";

export class Answers {
  readonly #ring: FrameRing;
  readonly #local: LocalInterface;
  #left = 0;

  constructor(ring: FrameRing, local: LocalInterface) {
    this.#ring = ring;
    this.#local = local;
  }

  /** Allows `answers` more until the next call. */
  allow(answers: number): void {
    this.#left = answers;
  }

  /** The packet is a ping. */
  echo(slot: number): Verdict {
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    replyToEcho(this.#ring, slot, this.#local.macHigh, this.#local.macLow);
    return Verdict.AnsweredEcho;
  }

  /** The segment, which has these flags, belongs to no connection. A RST is never answered. */
  reset(slot: number, flags: number): Verdict {
    if ((flags & tcp.Flag.RST) !== 0) return Verdict.DroppedNoConnection;
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    replyWithReset(this.#ring, slot, this.#local.macHigh, this.#local.macLow);
    return Verdict.AnsweredReset;
  }

  /** Nobody serves the port. */
  unreachable(slot: number): Verdict {
    return this.#error(slot, icmp.Type.UNREACHABLE, icmp.CODE_PORT_UNREACHABLE, 0)
      ? Verdict.AnsweredUnreachable
      : Verdict.DroppedRateLimited;
  }

  /** The TTL ran out here. */
  timeExceeded(slot: number): Verdict {
    return this.#error(slot, icmp.Type.TIME_EXCEEDED, icmp.CODE_IN_TRANSIT, 0)
      ? Verdict.AnsweredTimeExceeded
      : Verdict.DroppedRateLimited;
  }

  /** The packet is larger than the MTU and must not be cut. */
  tooBig(slot: number): Verdict {
    return this.#error(slot, icmp.Type.UNREACHABLE, icmp.CODE_TOO_BIG, this.#local.mtu)
      ? Verdict.AnsweredTooBig
      : Verdict.DroppedRateLimited;
  }

  #error(slot: number, type: number, code: number, mtu: number): boolean {
    if (!this.#mayAnswer()) return false;
    const { macHigh, macLow } = this.#local;
    replyWithIcmpError(this.#ring, slot, macHigh, macLow, type, code, mtu);
    return true;
  }

  #mayAnswer(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}
