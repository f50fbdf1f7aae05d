/**
 * Answers the director gives itself, each made in the slot of the frame that caused it: those to ARP and over IPv4.
 * `ip` is the absolute offset of the packet's header.
 *
 * @module
 */

import { FrameRing } from "./frame_ring.ts";
import { describeComplete } from "./offload.ts";
import * as arp from "./wire/arp.ts";
import { finish, pseudoHeaderSum, sum } from "./wire/checksum.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as icmp from "./wire/icmpv4.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as tcp from "./wire/tcp.ts";

/** TTL of packets that start here (RFC 1700 "IP parameters"). */
export const DEFAULT_TTL = 64;

/** Turns a frame round: back to the MAC it came from, in its VLAN. */
export function turnBack(ring: FrameRing, slot: number, macHigh: number, macLow: number): void {
  const at = FrameRing.frameAt(slot);
  ethernet.setDestination(
    ring.view,
    at,
    ethernet.sourceHigh(ring.view, at),
    ethernet.sourceLow(ring.view, at),
  );
  ethernet.setSource(ring.view, at, macHigh, macLow);
  describeComplete(ring, slot);
}

/** Makes the reply to the ARP request at `packet`: its target is at our MAC (RFC 826). */
export function replyToArp(
  ring: FrameRing,
  slot: number,
  packet: number,
  macHigh: number,
  macLow: number,
): void {
  const frame = ring.view;
  const address = arp.targetAddress(frame, packet);
  arp.setOperation(frame, packet, arp.Operation.REPLY);
  arp.setTarget(
    frame,
    packet,
    arp.senderMacHigh(frame, packet),
    arp.senderMacLow(frame, packet),
    arp.senderAddress(frame, packet),
  );
  arp.setSender(frame, packet, macHigh, macLow, address);
  turnBack(ring, slot, macHigh, macLow);
}

/** Makes the reply to a ping (RFC 792). Options of the request, a source route among them, are not returned. */
export function replyToEcho(
  ring: FrameRing,
  slot: number,
  ip: number,
  macHigh: number,
  macLow: number,
): void {
  const frame = ring.view;
  const client = ipv4.source(frame, ip);
  const vip = ipv4.destination(frame, ip);
  const request = ip + ipv4.headerBytes(frame, ip);
  const end = ip + ipv4.totalLength(frame, ip);
  const reply = ip + ipv4.HEADER_BYTES;
  if (request !== reply) ring.arena.copyWithin(reply, request, end);

  const packetBytes = ipv4.HEADER_BYTES + end - request;
  emitIpv4(frame, ip, ipv4.typeOfService(frame, ip), packetBytes, ipv4.Protocol.ICMP, vip, client);
  icmp.turnRequestIntoReply(frame, reply);
  ring.lengths[slot] = ip + packetBytes - FrameRing.frameAt(slot);
  turnBack(ring, slot, macHigh, macLow);
}

/** Makes the RST that answers a segment without a connection (RFC 9293 §3.10.7.1). */
export function replyWithReset(
  ring: FrameRing,
  slot: number,
  ip: number,
  macHigh: number,
  macLow: number,
): void {
  const frame = ring.view;
  const client = ipv4.source(frame, ip);
  const vip = ipv4.destination(frame, ip);
  const packetBytes = ipv4.HEADER_BYTES + tcp.HEADER_BYTES;
  const reply = ip + ipv4.HEADER_BYTES;
  emitReset(frame, reply, ip + ipv4.headerBytes(frame, ip), ip + ipv4.totalLength(frame, ip));
  emitIpv4(frame, ip, 0, packetBytes, ipv4.Protocol.TCP, vip, client);
  const pseudo = pseudoHeaderSum(vip, client, ipv4.Protocol.TCP, tcp.HEADER_BYTES);
  tcp.setChecksum(frame, reply, finish(pseudo + sum(frame, reply, tcp.HEADER_BYTES)));
  ring.lengths[slot] = ip + packetBytes - FrameRing.frameAt(slot);
  turnBack(ring, slot, macHigh, macLow);
}

/**
 * Writes the RST that answers the segment at `segment`, which ends at `end`, to `at`, with checksum zero. The two
 * may overlap.
 */
export function emitReset(frame: DataView, at: number, segment: number, end: number): void {
  const ports = tcp.ports(frame, segment);
  const flags = tcp.flags(frame, segment);
  const hasAcknowledgment = (flags & tcp.Flag.ACK) !== 0;
  const controls = ((flags & tcp.Flag.SYN) !== 0 ? 1 : 0) + ((flags & tcp.Flag.FIN) !== 0 ? 1 : 0);
  const payload = end - segment - tcp.headerBytes(frame, segment);
  const sequence = hasAcknowledgment ? tcp.acknowledgment(frame, segment) : 0;
  const acknowledgment = hasAcknowledgment ? 0 : (tcp.sequence(frame, segment) + payload + controls) | 0;
  tcp.emit(
    frame,
    at,
    ports & 0xffff,
    ports >>> 16,
    sequence,
    acknowledgment,
    hasAcknowledgment ? tcp.Flag.RST : tcp.Flag.RST | tcp.Flag.ACK,
  );
}

/**
 * Makes the ICMP error that quotes the head of the packet it is about (RFC 792).
 *
 * @param mtu Of the next hop, where the error tells it (RFC 1191 §4), else 0.
 */
export function replyWithIcmpError(
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
  const client = ipv4.source(frame, ip);
  const vip = ipv4.destination(frame, ip);
  const quoted = Math.min(
    ipv4.headerBytes(frame, ip) + icmp.QUOTED_PAYLOAD_BYTES,
    ipv4.totalLength(frame, ip),
  );
  const message = ip + ipv4.HEADER_BYTES;
  ring.arena.copyWithin(message + icmp.HEADER_BYTES, ip, ip + quoted);

  const packetBytes = ipv4.HEADER_BYTES + icmp.HEADER_BYTES + quoted;
  emitIpv4(frame, ip, 0, packetBytes, ipv4.Protocol.ICMP, vip, client);
  icmp.emit(frame, message, type, code, mtu);
  icmp.setChecksum(frame, message, finish(sum(frame, message, icmp.HEADER_BYTES + quoted)));
  ring.lengths[slot] = ip + packetBytes - FrameRing.frameAt(slot);
  turnBack(ring, slot, macHigh, macLow);
}

function emitIpv4(
  frame: DataView,
  at: number,
  typeOfService: number,
  bytes: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  ipv4.emit(frame, at, typeOfService, bytes, DEFAULT_TTL, protocol, source, destination);
  ipv4.setChecksum(frame, at, finish(sum(frame, at, ipv4.HEADER_BYTES)));
}
