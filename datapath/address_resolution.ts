/**
 * What ARP and Neighbor Discovery ask of the director, and tell it: the VIPs are at its MAC, the real servers at
 * theirs. Without a limit, unlike all other answers: a network without these is dead.
 *
 * @module
 */

import { IPV4_MAPPED } from "../model/ip_address.ts";
import { FrameRing } from "./frame_ring.ts";
import { NONE } from "./connection_table.ts";
import type { ForwardingTable } from "./forwarding_table.ts";
import type { LocalInterface } from "./local_interface.ts";
import { hearAdvertisement, hearArp, hearSolicitation } from "./neighbor_messages.ts";
import type { NeighborTable } from "./neighbor_table.ts";
import type { Packet } from "./packet.ts";
import { replyToArp } from "./replies.ts";
import { replyToSolicitation } from "./replies_ipv6.ts";
import { Verdict } from "./verdict.ts";
import * as arp from "./wire/arp.ts";
import * as icmp from "./wire/icmpv6.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as ndp from "./wire/ndp.ts";

export class AddressResolution {
  readonly #ring: FrameRing;
  readonly #local: LocalInterface;
  readonly #neighbors: NeighborTable;

  constructor(ring: FrameRing, local: LocalInterface, neighbors: NeighborTable) {
    this.#ring = ring;
    this.#local = local;
    this.#neighbors = neighbors;
  }

  /** Takes what an ARP frame holds. Hot path. */
  takeArp(table: ForwardingTable, { slot, ip: message, bytes, vlan }: Packet, nowMs: number): Verdict {
    const frame = this.#ring.view;
    if (!arp.isIpv4OverEthernet(frame, message, bytes)) return Verdict.IgnoredArp;
    const isOfRealServer = hearArp(this.#neighbors, frame, FrameRing.frameAt(slot), message, vlan, nowMs);
    const vip = table.vipIndex(0, 0, IPV4_MAPPED, arp.targetAddress(frame, message));
    if (arp.operation(frame, message) === arp.Operation.REQUEST && isVipIn(table, vip, vlan)) {
      replyToArp(this.#ring, slot, message, this.#local.macHigh, this.#local.macLow);
      return Verdict.AnsweredArp;
    }
    return isOfRealServer ? Verdict.LearntNeighbor : Verdict.IgnoredArp;
  }

  /** Takes a Neighbor Solicitation or Advertisement. Hot path. */
  takeNeighborMessage(table: ForwardingTable, packet: Packet, nowMs: number): Verdict {
    return icmp.type(this.#ring.view, packet.transport) === icmp.Type.NEIGHBOR_SOLICITATION
      ? this.#takeSolicitation(table, packet, nowMs)
      : this.#takeAdvertisement(packet, nowMs);
  }

  #takeSolicitation(table: ForwardingTable, packet: Packet, nowMs: number): Verdict {
    const frame = this.#ring.view;
    const { slot, ip, transport: message, payloadBytes, vlan } = packet;
    if (!ndp.isValidSolicitation(frame, ip, message, payloadBytes)) return Verdict.DroppedMalformed;
    const isOfRealServer = hearSolicitation(this.#neighbors, frame, ip, message, payloadBytes, vlan, nowMs);
    const vip = table.vipIndex(
      ndp.targetWord(frame, message, 0),
      ndp.targetWord(frame, message, 1),
      ndp.targetWord(frame, message, 2),
      ndp.targetWord(frame, message, 3),
    );
    if (isVipIn(table, vip, vlan) && (ipv6.isUnspecifiedSource(frame, ip) || ipv6.isHostSource(frame, ip))) {
      replyToSolicitation(this.#ring, slot, ip, message, this.#local.macHigh, this.#local.macLow);
      return Verdict.AnsweredNdp;
    }
    return isOfRealServer ? Verdict.LearntNeighbor : Verdict.IgnoredNdp;
  }

  #takeAdvertisement({ ip, transport: message, payloadBytes, vlan }: Packet, nowMs: number): Verdict {
    const frame = this.#ring.view;
    if (!ndp.isValidAdvertisement(frame, ip, message, payloadBytes)) return Verdict.DroppedMalformed;
    return hearAdvertisement(this.#neighbors, frame, message, payloadBytes, vlan, nowMs)
      ? Verdict.LearntNeighbor
      : Verdict.IgnoredNdp;
  }
}

function isVipIn(table: ForwardingTable, vip: number, vlan: number): boolean {
  return vip !== NONE && table.vipVlans[vip] === vlan;
}
