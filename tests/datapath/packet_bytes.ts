/**
 * A frame as bytes: where its packet begins, and its sums. It shares no code with `datapath/`.
 *
 * @module
 */

import { Buffer } from "node:buffer";

export const ETHERNET_BYTES = 14;
export const TAG_BYTES = 4;
export const IPV6_BYTES = 40;

const IPV6_SOURCE = 8;
const FRAGMENT_HEADER = 44;
const AUTHENTICATION_HEADER = 51;
/** Hop-by-hop options, routing, fragment, authentication, destination options (RFC 8200 §4.1). */
const EXTENSION_HEADERS: readonly number[] = [0, 43, FRAGMENT_HEADER, AUTHENTICATION_HEADER, 60];

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && Buffer.compare(one, other) === 0;
}

/** Whether it has an IEEE 802.1Q tag. */
export function isTagged(frame: Uint8Array): boolean {
  return frame[12] === 0x81 && frame[13] === 0;
}

/** What is behind the Ethernet header and its tag. */
export function packetOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(isTagged(frame) ? ETHERNET_BYTES + TAG_BYTES : ETHERNET_BYTES);
}

export function isIpv4(packet: Uint8Array): boolean {
  return packet[0]! >>> 4 === 4;
}

export function word16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 256 + bytes[at + 1]!;
}

export function word32(bytes: Uint8Array, at: number): number {
  return word16(bytes, at) * 65_536 + word16(bytes, at + 2);
}

/** Bytes of the header of an IPv4 packet. */
export function ipv4HeaderBytes(packet: Uint8Array): number {
  return (packet[0]! & 15) * 4;
}

/** An IP packet without the padding behind it. */
export function withoutPadding(packet: Uint8Array): Uint8Array {
  return packet.subarray(0, isIpv4(packet) ? word16(packet, 2) : IPV6_BYTES + word16(packet, 4));
}

/** Where the transport header of an IP packet begins, behind extension headers. */
export function transportOf(packet: Uint8Array): number {
  if (isIpv4(packet)) return ipv4HeaderBytes(packet);
  let at = IPV6_BYTES;
  let next = packet[6]!;
  while (EXTENSION_HEADERS.includes(next) && at + 1 < packet.length) {
    const length = packet[at + 1]!;
    const bytes = next === FRAGMENT_HEADER
      ? 8
      : next === AUTHENTICATION_HEADER
      ? (length + 2) * 4
      : (length + 1) * 8;
    next = packet[at]!;
    at += bytes;
  }
  return at;
}

/** The remainder by 0xffff of the sum of RFC 1071: 0 where a checksum is right, equal where it is as wrong as before. */
export function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
  return sum % 0xffff;
}

/** The same over the payload of an IP packet without options or extension headers, with its pseudo-header. */
export function transportSum(packet: Uint8Array, protocol: number): number {
  const addresses = isIpv4(packet) ? packet.subarray(12, 20) : packet.subarray(IPV6_SOURCE, IPV6_BYTES);
  const payload = packet.subarray(isIpv4(packet) ? 20 : IPV6_BYTES);
  return (sumOf(addresses) + sumOf(payload) + payload.length + protocol) % 0xffff;
}
