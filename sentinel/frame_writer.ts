/**
 * The frames the sentinel sends, for addresses of either family: questions and answers of ARP or NDP, TCP segments and
 * pings.
 *
 * @module
 */

import { FrameRing } from "../datapath/frame_ring.ts";
import { describeComplete } from "../datapath/offload.ts";
import * as arp from "../datapath/wire/arp.ts";
import { finish, pseudoHeaderSum, sum } from "../datapath/wire/checksum.ts";
import * as ethernet from "../datapath/wire/ethernet.ts";
import * as icmp from "../datapath/wire/icmpv4.ts";
import * as icmpv6 from "../datapath/wire/icmpv6.ts";
import * as ipv4 from "../datapath/wire/ipv4.ts";
import * as ipv6 from "../datapath/wire/ipv6.ts";
import * as ndp from "../datapath/wire/ndp.ts";
import * as tcp from "../datapath/wire/tcp.ts";
import { addressWords, familyOf, ipv4FromText, type Mac, macFromText } from "../model/ip_address.ts";
import { ICMP_IDENTIFIER } from "./packet.ts";

/** Shortest Ethernet frame without its check sequence (IEEE 802.3 §3.2.8). */
const SHORTEST_FRAME_BYTES = 60;
/** Longest frame that is written: a solicitation with an option. */
const LONGEST_FRAME_BYTES = ethernet.HEADER_BYTES + ipv6.HEADER_BYTES + ndp.HEADER_BYTES +
  ndp.LINK_LAYER_BYTES;

/** Destination of a question or an answer that is for everybody on the link. */
export const EVERYBODY = "ff:ff:ff:ff:ff:ff";
/** Addresses of nobody: sender of a probe (RFC 5227 §1.1, RFC 4862 §5.4). */
export const NOBODY = "0.0.0.0";
export const NOBODY_IPV6 = "::";

/** Whether an address is nobody's. */
export function isNobody(address: string): boolean {
  return address === NOBODY || address === NOBODY_IPV6;
}

/** Who asks whom for what, or who answers whom that it has what. */
export interface NeighborMessage {
  /** MAC, or {@linkcode EVERYBODY}. */
  readonly to: string;
  readonly senderAddress: string;
  readonly targetAddress: string;
}

/** An IP packet, apart from its payload. */
export interface PacketHead {
  /** Destination of the Ethernet frame. */
  readonly to: string;
  readonly source: string;
  readonly destination: string;
  /** TTL or hop limit. */
  readonly ttl: number;
}

/** A TCP segment without options and payload. */
export interface SegmentHead {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly flags: number;
}

/** Writes one frame after the other into one slot of a ring. */
export class FrameWriter {
  readonly #ring: FrameRing;
  readonly #slot: number;
  readonly #own: Mac;
  /** Where the frame begins. */
  readonly #at: number;

  /** @param mac Whom everything is from. */
  constructor(ring: FrameRing, slot: number, mac: string) {
    this.#ring = ring;
    this.#slot = slot;
    this.#own = macFromText(mac);
    this.#at = FrameRing.frameAt(slot);
  }

  /** Writes an ARP request, or a neighbor solicitation. */
  writeRequest(message: NeighborMessage): void {
    if (familyOf(message.targetAddress) === 4) {
      this.#writeArp(message, arp.Operation.REQUEST, { high: 0, low: 0 });
      return;
    }
    const target = addressWords(message.targetAddress);
    const group = ndp.solicitedNodeLast(target[3]);
    const isToAll = message.to === EVERYBODY;
    const to = isToAll ? { high: ndp.MULTICAST_MAC_HIGH, low: group } : macFromText(message.to);
    const ip = this.#beginIpv6(to, message.senderAddress);
    // To one MAC as well: a host that answers at all is in the group of what it answers for.
    ipv6.setDestination(this.#ring.view, ip, ndp.LINK_GROUP_FIRST, 0, ndp.SOLICITED_NODE_THIRD, group);
    const option = isNobody(message.senderAddress) ? null : ndp.LinkLayer.OF_SOURCE;
    this.#endNdp(ip, icmpv6.Type.NEIGHBOR_SOLICITATION, 0, target, option);
  }

  /** Writes an ARP reply, or a neighbor advertisement, which says that we have the sender's address. */
  writeReply(message: NeighborMessage): void {
    const { senderAddress, targetAddress } = message;
    if (familyOf(senderAddress) === 4) {
      this.#writeArp(message, arp.Operation.REPLY, macFromText(message.to));
      return;
    }
    // Who asks as nobody is told along with everybody else (RFC 4861 §7.2.4).
    const isToAll = isNobody(targetAddress);
    const to = isToAll ? { high: ndp.MULTICAST_MAC_HIGH, low: ndp.ALL_NODES_LAST } : macFromText(message.to);
    const ip = this.#beginIpv6(to, senderAddress);
    if (isToAll) ipv6.setDestination(this.#ring.view, ip, ndp.LINK_GROUP_FIRST, 0, 0, ndp.ALL_NODES_LAST);
    else ipv6.setDestination(this.#ring.view, ip, ...addressWords(targetAddress));
    const flags = ndp.Flag.OVERRIDE | (isToAll ? 0 : ndp.Flag.SOLICITED);
    this.#endNdp(
      ip,
      icmpv6.Type.NEIGHBOR_ADVERTISEMENT,
      flags,
      addressWords(senderAddress),
      ndp.LinkLayer.OF_TARGET,
    );
  }

  /** Writes a TCP segment. */
  writeSegment(head: PacketHead, segment: SegmentHead): void {
    const frame = this.#ring.view;
    const { ip, at } = this.#beginPacket(head, ipv4.Protocol.TCP, tcp.HEADER_BYTES);
    tcp.emit(frame, at, segment.sourcePort, segment.destinationPort, segment.sequence, 0, segment.flags);
    const pseudo = familyOf(head.source) === 4
      ? pseudoHeaderSum(
        ipv4FromText(head.source),
        ipv4FromText(head.destination),
        ipv4.Protocol.TCP,
        tcp.HEADER_BYTES,
      )
      : ipv6.pseudoHeaderSum(frame, ip, ipv6.NextHeader.TCP, tcp.HEADER_BYTES);
    tcp.setChecksum(frame, at, finish(pseudo + sum(frame, at, tcp.HEADER_BYTES)));
    this.#end(at + tcp.HEADER_BYTES);
  }

  /** Writes a ping without payload. */
  writeEcho(head: PacketHead, identifier: number): void {
    const frame = this.#ring.view;
    const isIpv4 = familyOf(head.source) === 4;
    const protocol = isIpv4 ? ipv4.Protocol.ICMP : ipv6.NextHeader.ICMPV6;
    const { ip, at } = this.#beginPacket(head, protocol, icmp.HEADER_BYTES);
    // Code and sequence number stay zero, as the whole frame was.
    frame.setUint8(at, isIpv4 ? icmp.Type.ECHO_REQUEST : icmpv6.Type.ECHO_REQUEST);
    frame.setUint16(at + ICMP_IDENTIFIER, identifier);
    if (isIpv4) icmp.setChecksum(frame, at, finish(sum(frame, at, icmp.HEADER_BYTES)));
    else icmpv6.complete(frame, ip, at, icmpv6.HEADER_BYTES);
    this.#end(at + icmp.HEADER_BYTES);
  }

  #writeArp({ to, senderAddress, targetAddress }: NeighborMessage, operation: number, target: Mac): void {
    const at = this.#begin(macFromText(to), ethernet.EtherType.ARP);
    arp.emit(this.#ring.view, at, {
      operation,
      senderMacHigh: this.#own.high,
      senderMacLow: this.#own.low,
      senderAddress: ipv4FromText(senderAddress),
      targetMacHigh: target.high,
      targetMacLow: target.low,
      targetAddress: ipv4FromText(targetAddress),
    });
    this.#end(at + arp.PACKET_BYTES);
  }

  /** Writes the Ethernet header and returns where its payload begins, all zero. */
  #begin(to: Mac, type: number): number {
    const frame = this.#ring.view;
    this.#ring.frames[this.#slot]!.fill(0, 0, LONGEST_FRAME_BYTES);
    ethernet.setDestination(frame, this.#at, to.high, to.low);
    ethernet.setSource(frame, this.#at, this.#own.high, this.#own.low);
    ethernet.setEtherType(frame, this.#at, type);
    return this.#at + ethernet.HEADER_BYTES;
  }

  #beginPacket(head: PacketHead, protocol: number, payloadBytes: number): { ip: number; at: number } {
    const frame = this.#ring.view;
    const to = macFromText(head.to);
    if (familyOf(head.source) === 4) {
      const ip = this.#begin(to, ethernet.EtherType.IPV4);
      const [source, destination] = [ipv4FromText(head.source), ipv4FromText(head.destination)];
      ipv4.emit(frame, ip, 0, ipv4.HEADER_BYTES + payloadBytes, head.ttl, protocol, source, destination);
      ipv4.setChecksum(frame, ip, finish(sum(frame, ip, ipv4.HEADER_BYTES)));
      return { ip, at: ip + ipv4.HEADER_BYTES };
    }
    const ip = this.#beginIpv6(to, head.source);
    ipv6.setDestination(frame, ip, ...addressWords(head.destination));
    ipv6.emit(frame, ip, 0, payloadBytes, protocol, head.ttl);
    return { ip, at: ip + ipv6.HEADER_BYTES };
  }

  /** Begins an IPv6 packet of which only the source is written. */
  #beginIpv6(to: Mac, source: string): number {
    const ip = this.#begin(to, ethernet.EtherType.IPV6);
    ipv6.setSource(this.#ring.view, ip, ...addressWords(source));
    return ip;
  }

  /** Completes a solicitation or advertisement, with our MAC in an option if there is to be one. */
  #endNdp(
    ip: number,
    type: number,
    flags: number,
    target: readonly [number, number, number, number],
    option: number | null,
  ): void {
    const frame = this.#ring.view;
    const at = ip + ipv6.HEADER_BYTES;
    const bytes = ndp.HEADER_BYTES + (option === null ? 0 : ndp.LINK_LAYER_BYTES);
    ipv6.emit(frame, ip, 0, bytes, ipv6.NextHeader.ICMPV6, ndp.HOP_LIMIT);
    ndp.emit(frame, at, type, flags, ...target);
    if (option !== null) ndp.emitLinkLayer(frame, at, option, this.#own.high, this.#own.low);
    icmpv6.complete(frame, ip, at, bytes);
    this.#end(at + bytes);
  }

  /** Says where the frame ends, and that nothing is left to do for it. */
  #end(end: number): void {
    this.#ring.lengths[this.#slot] = Math.max(end - this.#at, SHORTEST_FRAME_BYTES);
    describeComplete(this.#ring, this.#slot);
  }
}
