/**
 * Answers over IPv6 that the director gives itself, each made in the slot of the frame that caused it. `ip` is the
 * absolute offset of the packet's header, behind which extension headers may be: none of them is returned.
 *
 * @module
 */

import { FrameRing } from "./frame_ring.ts";
import { DEFAULT_TTL, emitReset, turnBack } from "./replies.ts";
import { finish, sum } from "./wire/checksum.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as icmp from "./wire/icmpv6.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as ndp from "./wire/ndp.ts";
import * as tcp from "./wire/tcp.ts";

/**
 * Makes the advertisement that answers a valid solicitation: its target is at our MAC (RFC 4861 §7.2.4). It goes to
 * all nodes if who asked has no address yet.
 *
 * @param message Absolute offset of the solicitation.
 */
export function replyToSolicitation(
  ring: FrameRing,
  slot: number,
  ip: number,
  message: number,
  macHigh: number,
  macLow: number,
): void {
  const frame = ring.view;
  const a = ndp.targetWord(frame, message, 0);
  const b = ndp.targetWord(frame, message, 1);
  const c = ndp.targetWord(frame, message, 2);
  const d = ndp.targetWord(frame, message, 3);
  const isForAll = ipv6.isUnspecifiedSource(frame, ip);
  const reply = ip + ipv6.HEADER_BYTES;
  const bytes = ndp.HEADER_BYTES + ndp.LINK_LAYER_BYTES;
  ipv6.swapAddresses(frame, ip);
  ipv6.setSource(frame, ip, a, b, c, d);
  if (isForAll) ipv6.setDestination(frame, ip, ndp.LINK_GROUP_FIRST, 0, 0, ndp.ALL_NODES_LAST);
  ipv6.emit(frame, ip, 0, bytes, ipv6.NextHeader.ICMPV6, ndp.HOP_LIMIT);
  const flags = isForAll ? ndp.Flag.OVERRIDE : ndp.Flag.SOLICITED | ndp.Flag.OVERRIDE;
  ndp.emit(frame, reply, icmp.Type.NEIGHBOR_ADVERTISEMENT, flags, a, b, c, d);
  ndp.emitLinkLayer(frame, reply, ndp.LinkLayer.OF_TARGET, macHigh, macLow);
  icmp.complete(frame, ip, reply, bytes);
  const at = FrameRing.frameAt(slot);
  ring.lengths[slot] = reply + bytes - at;
  turnBack(ring, slot, macHigh, macLow);
  if (isForAll) ethernet.setDestination(frame, at, ndp.MULTICAST_MAC_HIGH, ndp.ALL_NODES_LAST);
}

/**
 * Makes the reply to a ping (RFC 4443 §4.2).
 *
 * @param message Absolute offset of the request.
 */
export function replyToIpv6Echo(
  ring: FrameRing,
  slot: number,
  ip: number,
  message: number,
  macHigh: number,
  macLow: number,
): void {
  const frame = ring.view;
  const end = ip + ipv6.HEADER_BYTES + ipv6.payloadLength(frame, ip);
  const reply = ip + ipv6.HEADER_BYTES;
  if (message !== reply) ring.arena.copyWithin(reply, message, end);

  ipv6.swapAddresses(frame, ip);
  ipv6.emit(frame, ip, ipv6.trafficClass(frame, ip), end - message, ipv6.NextHeader.ICMPV6, DEFAULT_TTL);
  icmp.turnRequestIntoReply(frame, reply);
  ring.lengths[slot] = reply + end - message - FrameRing.frameAt(slot);
  turnBack(ring, slot, macHigh, macLow);
}

/**
 * Makes the RST that answers a segment without a connection (RFC 9293 §3.10.7.1).
 *
 * @param segment Absolute offset of the segment.
 */
export function replyWithIpv6Reset(
  ring: FrameRing,
  slot: number,
  ip: number,
  segment: number,
  macHigh: number,
  macLow: number,
): void {
  const frame = ring.view;
  const reply = ip + ipv6.HEADER_BYTES;
  emitReset(frame, reply, segment, reply + ipv6.payloadLength(frame, ip));
  ipv6.swapAddresses(frame, ip);
  ipv6.emit(frame, ip, 0, tcp.HEADER_BYTES, ipv6.NextHeader.TCP, DEFAULT_TTL);
  const pseudo = ipv6.pseudoHeaderSum(frame, ip, ipv6.NextHeader.TCP, tcp.HEADER_BYTES);
  tcp.setChecksum(frame, reply, finish(pseudo + sum(frame, reply, tcp.HEADER_BYTES)));
  ring.lengths[slot] = reply + tcp.HEADER_BYTES - FrameRing.frameAt(slot);
  turnBack(ring, slot, macHigh, macLow);
}

/**
 * Makes the ICMPv6 error that quotes as much of the packet it is about as fits (RFC 4443 §2.4).
 *
 * @param mtu Of the next hop, where the error tells it (RFC 4443 §3.2), else 0.
 */
export function replyWithIcmpv6Error(
  ring: FrameRing,
  slot: number,
  ip: number,
  macHigh: number,
  macLow: number,
  type: number,
  code: number,
  mtu: number,
): void {
  const frame = ring.view;
  const message = ip + ipv6.HEADER_BYTES;
  const quotedBytes = Math.min(
    ipv6.HEADER_BYTES + ipv6.payloadLength(frame, ip),
    ipv6.MINIMUM_MTU - ipv6.HEADER_BYTES - icmp.HEADER_BYTES,
  );
  ring.arena.copyWithin(message + icmp.HEADER_BYTES, ip, ip + quotedBytes);

  const bytes = icmp.HEADER_BYTES + quotedBytes;
  ipv6.swapAddresses(frame, ip);
  ipv6.emit(frame, ip, 0, bytes, ipv6.NextHeader.ICMPV6, DEFAULT_TTL);
  icmp.emit(frame, message, type, code, mtu);
  icmp.complete(frame, ip, message, bytes);
  ring.lengths[slot] = message + bytes - FrameRing.frameAt(slot);
  turnBack(ring, slot, macHigh, macLow);
}
