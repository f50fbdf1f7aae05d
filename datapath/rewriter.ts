/**
 * The last step of a frame that goes to a real server: new MACs, its VLAN, one hop less, and what else its
 * size asks for.
 *
 * @module
 */

import type { Answers } from "./answers.ts";
import { Condition, type Destinations } from "./destinations.ts";
import { cutPacket } from "./fragmentation.ts";
import type { FrameRing } from "./frame_ring.ts";
import type { LocalInterface } from "./local_interface.ts";
import {
  completeUdpChecksum,
  describeComplete,
  describeUnfinished,
  describeUnfinishedIpv6,
} from "./offload.ts";
import type { Packet } from "./packet.ts";
import type { SendQueue } from "./send_queue.ts";
import { Verdict } from "./verdict.ts";
import { fold, sum } from "./wire/checksum.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as vlanTag from "./wire/vlan.ts";

/** What a rewriter works with. */
export interface RewriterParts {
  readonly ring: FrameRing;
  /** Those that frames leave by, by the number that a destination has of its own. */
  readonly interfaces: readonly LocalInterface[];
  readonly destinations: Destinations;
  readonly answers: Answers;
  readonly queue: SendQueue;
}

export class Rewriter {
  readonly #ring: FrameRing;
  readonly #interfaces: readonly LocalInterface[];
  readonly #destinations: Destinations;
  readonly #answers: Answers;
  readonly #queue: SendQueue;

  constructor(parts: RewriterParts) {
    this.#ring = parts.ring;
    this.#interfaces = parts.interfaces;
    this.#destinations = parts.destinations;
    this.#answers = parts.answers;
    this.#queue = parts.queue;
  }

  /** Takes a whole TCP or UDP packet, of which a kernel may have left something to do. Hot path. */
  takePacket(packet: Packet, destination: number): Verdict {
    const condition = this.#destinations.condition[destination]!;
    if (condition <= Condition.Unresolved) return lost(condition);
    const { mtu } = this.#egressOf(destination);
    const { slot, ip, transport, protocol, bytes } = packet;
    if (bytes > mtu && protocol !== ipv4.Protocol.TCP) return this.#takeOversized(packet, destination);
    this.#rewrite(packet, destination);
    if (packet.isIpv6) describeUnfinishedIpv6(this.#ring, slot, ip, transport, protocol, mtu);
    else describeUnfinished(this.#ring, slot, ip, mtu);
    return Verdict.Forwarded;
  }

  /** Takes a fragment. Nothing is left to do: who cuts a packet must have completed its checksum. Hot path. */
  takeFragment(packet: Packet, destination: number): Verdict {
    const condition = this.#destinations.condition[destination]!;
    if (condition <= Condition.Unresolved) return lost(condition);
    if (packet.bytes > this.#egressOf(destination).mtu) return this.#takeOversized(packet, destination);
    this.#rewrite(packet, destination);
    describeComplete(this.#ring, packet.slot);
    return Verdict.Forwarded;
  }

  /** Takes an ICMP error. Hot path. */
  takeError(packet: Packet, destination: number): Verdict {
    const condition = this.#destinations.condition[destination]!;
    if (condition <= Condition.Unresolved) return lost(condition);
    // No error is sent about an error (RFC 1122 §3.2.2).
    if (packet.bytes > this.#egressOf(destination).mtu) return Verdict.DroppedOversized;
    this.#rewrite(packet, destination);
    describeComplete(this.#ring, packet.slot);
    return Verdict.ForwardedIcmp;
  }

  #rewrite(packet: Packet, destination: number): void {
    const frame = this.#ring.view;
    const { macHigh, macLow, vlan, egress, packets, bytes } = this.#destinations;
    const number = egress[destination]!;
    const local = this.#interfaces[number]!;
    this.#ring.egress[packet.slot] = number;
    // What came, in one frame: as large as the segments or fragments that leave, if there are any, are together.
    bytes[destination]! += this.#ring.lengths[packet.slot]!;
    packets[destination]! += 1;
    if (vlan[destination] !== packet.vlan) moveToVlan(this.#ring, packet, vlan[destination]!);
    ethernet.setDestination(frame, packet.at, macHigh[destination]!, macLow[destination]! | 0);
    ethernet.setSource(frame, packet.at, local.macHigh, local.macLow);
    if (packet.isIpv6) ipv6.decrementHopLimit(frame, packet.ip);
    else ipv4.decrementTtl(frame, packet.ip);
  }

  /** UDP, or a fragment, that is larger than the MTU. */
  #takeOversized(packet: Packet, destination: number): Verdict {
    const { mtu } = this.#egressOf(destination);
    // Only its sender may cut it (RFC 8200 §5), which is also told if it is a fragment (RFC 4443 §3.2).
    if (packet.isIpv6) return this.#answers.tooBig(packet, mtu);
    const frame = this.#ring.view;
    const { ip } = packet;
    // Every fragment gets a new checksum: it must not make a damaged header look intact.
    if (fold(sum(frame, ip, ipv4.headerBytes(frame, ip))) !== 0xffff) return Verdict.DroppedMalformed;
    if (ipv4.isUncuttable(frame, ip)) {
      return ipv4.fragmentOffset(frame, ip) === 0
        ? this.#answers.tooBig(packet, mtu)
        : Verdict.DroppedOversized;
    }
    if (!packet.isFragment) completeUdpChecksum(frame, ip);
    this.#rewrite(packet, destination);
    cutPacket(this.#ring, packet, mtu, this.#queue);
    return Verdict.ForwardedInFragments;
  }

  #egressOf(destination: number): LocalInterface {
    return this.#interfaces[this.#destinations.egress[destination]!]!;
  }
}

/** Puts the frame into another VLAN. Its MACs are not moved: both are written next. */
function moveToVlan(ring: FrameRing, packet: Packet, id: number): void {
  const { slot, at } = packet;
  const isTagged = packet.headerBytes > ethernet.HEADER_BYTES;
  if (isTagged && id !== ethernet.UNTAGGED) {
    vlanTag.setIdentifier(ring.view, at, id);
    return;
  }
  const moved = isTagged ? ethernet.TAG_BYTES : -ethernet.TAG_BYTES;
  ring.shifts[slot] = moved;
  ring.lengths[slot]! -= moved;
  packet.at = at + moved;
  if (!isTagged) vlanTag.emit(ring.view, packet.at, id);
}

function lost(condition: number): Verdict {
  return condition === Condition.Unresolved ? Verdict.DroppedUnresolved : Verdict.DroppedServerLost;
}
