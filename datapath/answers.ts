/**
 * Which answers the director gives itself, and how many: whoever makes it answer must not be able to make it flood.
 * Address resolution is not among them; see replies.ts and replies_ipv6.ts for what each looks like.
 *
 * @module
 */

import type { FrameRing } from "./frame_ring.ts";
import type { LocalInterface } from "./local_interface.ts";
import type { Packet } from "./packet.ts";
import { replyToEcho, replyWithIcmpError, replyWithReset } from "./replies.ts";
import { replyToIpv6Echo, replyWithIcmpv6Error, replyWithIpv6Reset } from "./replies_ipv6.ts";
import { Verdict } from "./verdict.ts";
import * as icmpv4 from "./wire/icmpv4.ts";
import * as icmpv6 from "./wire/icmpv6.ts";
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
  echo({ slot, ip, transport, isIpv6 }: Packet): Verdict {
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    const { macHigh, macLow } = this.#local;
    if (isIpv6) replyToIpv6Echo(this.#ring, slot, ip, transport, macHigh, macLow);
    else replyToEcho(this.#ring, slot, ip, macHigh, macLow);
    return Verdict.AnsweredEcho;
  }

  /** The segment belongs to no connection. A RST is never answered. */
  reset({ slot, ip, transport, isIpv6, flags }: Packet): Verdict {
    if ((flags & tcp.Flag.RST) !== 0) return Verdict.DroppedNoConnection;
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    const { macHigh, macLow } = this.#local;
    if (isIpv6) replyWithIpv6Reset(this.#ring, slot, ip, transport, macHigh, macLow);
    else replyWithReset(this.#ring, slot, ip, macHigh, macLow);
    return Verdict.AnsweredReset;
  }

  /** Nobody serves the port. */
  unreachable(packet: Packet): Verdict {
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    if (packet.isIpv6) {
      this.#errorOverIpv6(packet, icmpv6.Type.UNREACHABLE, icmpv6.CODE_PORT_UNREACHABLE, 0);
    } else {
      this.#errorOverIpv4(packet, icmpv4.Type.UNREACHABLE, icmpv4.CODE_PORT_UNREACHABLE, 0);
    }
    return Verdict.AnsweredUnreachable;
  }

  /** The hop limit ran out here. */
  timeExceeded(packet: Packet): Verdict {
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    if (packet.isIpv6) {
      this.#errorOverIpv6(packet, icmpv6.Type.TIME_EXCEEDED, icmpv6.CODE_IN_TRANSIT, 0);
    } else {
      this.#errorOverIpv4(packet, icmpv4.Type.TIME_EXCEEDED, icmpv4.CODE_IN_TRANSIT, 0);
    }
    return Verdict.AnsweredTimeExceeded;
  }

  /** The packet is larger than `mtu`, that of the interface it would leave by, and must not be cut. */
  tooBig(packet: Packet, mtu: number): Verdict {
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    if (packet.isIpv6) {
      this.#errorOverIpv6(packet, icmpv6.Type.TOO_BIG, icmpv6.CODE_TOO_BIG, mtu);
    } else {
      this.#errorOverIpv4(packet, icmpv4.Type.UNREACHABLE, icmpv4.CODE_TOO_BIG, mtu);
    }
    return Verdict.AnsweredTooBig;
  }

  #errorOverIpv4({ slot, ip }: Packet, type: number, code: number, mtu: number): void {
    const { macHigh, macLow } = this.#local;
    replyWithIcmpError(this.#ring, slot, ip, macHigh, macLow, type, code, mtu);
  }

  #errorOverIpv6({ slot, ip }: Packet, type: number, code: number, mtu: number): void {
    const { macHigh, macLow } = this.#local;
    replyWithIcmpv6Error(this.#ring, slot, ip, macHigh, macLow, type, code, mtu);
  }

  #mayAnswer(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}
