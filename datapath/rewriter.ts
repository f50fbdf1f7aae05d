/**
 * The last step of a frame that goes to a real server: new MACs, one hop less, and what else its size asks for.
 *
 * @module
 */

import type { Answers } from "./answers.ts";
import { Condition, type Destinations } from "./destinations.ts";
import { cutPacket } from "./fragmentation.ts";
import { FrameRing } from "./frame_ring.ts";
import type { LocalInterface } from "./local_interface.ts";
import { completeUdpChecksum, describeComplete, describeUnfinished } from "./offload.ts";
import type { SendQueue } from "./send_queue.ts";
import { Verdict } from "./verdict.ts";
import { fold, sum } from "./wire/checksum.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv4 from "./wire/ipv4.ts";

/** What a rewriter works with. */
export interface RewriterParts {
  readonly ring: FrameRing;
  readonly local: LocalInterface;
  readonly destinations: Destinations;
  readonly answers: Answers;
  readonly queue: SendQueue;
}

export class Rewriter {
  readonly #ring: FrameRing;
  readonly #local: LocalInterface;
  readonly #destinations: Destinations;
  readonly #answers: Answers;
  readonly #queue: SendQueue;

  constructor(parts: RewriterParts) {
    this.#ring = parts.ring;
    this.#local = parts.local;
    this.#destinations = parts.destinations;
    this.#answers = parts.answers;
    this.#queue = parts.queue;
  }

  /** Takes a whole TCP or UDP packet, of which a kernel may have left something to do. Hot path. */
  takePacket(slot: number, destination: number): Verdict {
    const condition = this.#destinations.condition[destination]!;
    if (condition <= Condition.Unresolved) return lost(condition);
    if (!describeUnfinished(this.#ring, slot, this.#local.mtu)) return this.#cut(slot, destination);
    this.#rewrite(slot, destination);
    return Verdict.Forwarded;
  }

  /** Takes a fragment. Nothing is left to do: who cuts a packet must have completed its checksum. Hot path. */
  takeFragment(slot: number, destination: number): Verdict {
    const condition = this.#destinations.condition[destination]!;
    if (condition <= Condition.Unresolved) return lost(condition);
    const ip = FrameRing.frameAt(slot) + ethernet.HEADER_BYTES;
    if (ipv4.totalLength(this.#ring.view, ip) > this.#local.mtu) return this.#cut(slot, destination);
    describeComplete(this.#ring, slot);
    this.#rewrite(slot, destination);
    return Verdict.Forwarded;
  }

  /** Takes an ICMP error. Hot path. */
  takeError(slot: number, destination: number): Verdict {
    const condition = this.#destinations.condition[destination]!;
    if (condition <= Condition.Unresolved) return lost(condition);
    describeComplete(this.#ring, slot);
    this.#rewrite(slot, destination);
    return Verdict.ForwardedIcmp;
  }

  #rewrite(slot: number, destination: number): void {
    const frame = this.#ring.view;
    const at = FrameRing.frameAt(slot);
    const { macHigh, macLow, packets, bytes } = this.#destinations;
    // What came, in one frame: as large as the segments or fragments that leave, if there are any, are together.
    bytes[destination]! += this.#ring.lengths[slot]!;
    packets[destination]! += 1;
    ethernet.setDestination(frame, at, macHigh[destination]!, macLow[destination]! | 0);
    ethernet.setSource(frame, at, this.#local.macHigh, this.#local.macLow);
    ipv4.decrementTtl(frame, at + ethernet.HEADER_BYTES);
  }

  /** UDP, or a fragment, that is larger than the MTU. */
  #cut(slot: number, destination: number): Verdict {
    const frame = this.#ring.view;
    const ip = FrameRing.frameAt(slot) + ethernet.HEADER_BYTES;
    // Every fragment gets a new checksum: it must not make a damaged header look intact.
    if (fold(sum(frame, ip, ipv4.headerBytes(frame, ip))) !== 0xffff) return Verdict.DroppedMalformed;
    if (ipv4.isUncuttable(frame, ip)) {
      return ipv4.fragmentOffset(frame, ip) === 0 ? this.#answers.tooBig(slot) : Verdict.DroppedOversized;
    }
    if (!ipv4.isFragment(frame, ip)) completeUdpChecksum(frame, ip);
    this.#rewrite(slot, destination);
    cutPacket(this.#ring, slot, this.#local.mtu, this.#queue);
    return Verdict.ForwardedInFragments;
  }
}

function lost(condition: number): Verdict {
  return condition === Condition.Unresolved ? Verdict.DroppedUnresolved : Verdict.DroppedServerLost;
}
