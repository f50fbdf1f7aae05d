/**
 * IPv6 header and the walk over its extension headers (RFC 8200).
 *
 * @module
 */

import { sum } from "./checksum.ts";

const VERSION_CLASS_AND_FLOW = 0;
const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SOURCE = 8;
const DESTINATION = 24;

/** Bytes of the fixed header. */
export const HEADER_BYTES = 40;
/** Every link carries packets of this size whole (RFC 8200 §5). */
export const MINIMUM_MTU = 1_280;

/** What follows a header; TCP and UDP have the numbers they have in IPv4. */
export const NextHeader = {
  HOP_BY_HOP: 0,
  TCP: 6,
  UDP: 17,
  ROUTING: 43,
  FRAGMENT: 44,
  AUTHENTICATION: 51,
  ICMPV6: 58,
  NOTHING: 59,
  DESTINATION_OPTIONS: 60,
} as const;

/** Bytes of a fragment header. */
export const FRAGMENT_HEADER_BYTES = 8;
const FRAGMENT_OFFSET = 2;
const FRAGMENT_IDENTIFICATION = 4;
const OFFSET_BITS = 0xfff8;
const MORE_FRAGMENTS = 1;

/** Version, 6 for IPv6. */
export function version(frame: DataView, at: number): number {
  return frame.getUint8(at + VERSION_CLASS_AND_FLOW) >>> 4;
}

/** Traffic class: DSCP and ECN (RFC 2474 §3, RFC 3168 §5). */
export function trafficClass(frame: DataView, at: number): number {
  return (frame.getUint16(at + VERSION_CLASS_AND_FLOW) >>> 4) & 0xff;
}

/** Bytes behind the fixed header; 0 for a jumbogram (RFC 2675 §2), which no slot could hold. */
export function payloadLength(frame: DataView, at: number): number {
  return frame.getUint16(at + PAYLOAD_LENGTH);
}

/** What follows the fixed header; may be a number {@linkcode NextHeader} does not name. */
export function nextHeader(frame: DataView, at: number): number {
  return frame.getUint8(at + NEXT_HEADER);
}

/** Hops left. */
export function hopLimit(frame: DataView, at: number): number {
  return frame.getUint8(at + HOP_LIMIT);
}

/** Takes one hop off; no checksum covers it. */
export function decrementHopLimit(frame: DataView, at: number): void {
  frame.setUint8(at + HOP_LIMIT, frame.getUint8(at + HOP_LIMIT) - 1);
}

/** A word of the source address, 0 to 3, signed. */
export function sourceWord(frame: DataView, at: number, word: number): number {
  return frame.getInt32(at + SOURCE + (word << 2));
}

/** A word of the destination address, 0 to 3, signed. */
export function destinationWord(frame: DataView, at: number, word: number): number {
  return frame.getInt32(at + DESTINATION + (word << 2));
}

/** Whether the source is `::`, which a host has that has no address yet. */
export function isUnspecifiedSource(frame: DataView, at: number): boolean {
  return (sourceWord(frame, at, 0) | sourceWord(frame, at, 1) | sourceWord(frame, at, 2) |
    sourceWord(frame, at, 3)) === 0;
}

/** Whether the destination is a multicast address (RFC 4291 §2.7). */
export function isGroupDestination(frame: DataView, at: number): boolean {
  return frame.getUint8(at + DESTINATION) === 0xff;
}

/**
 * Whether the source is an address one host on a network can have: not multicast, and not one of `::/96`, where the
 * unspecified and the loopback address are, nor one of `::ffff:0:0/96` (RFC 4291 §2.5).
 */
export function isHostSource(frame: DataView, at: number): boolean {
  const isBelowMapped = sourceWord(frame, at, 0) === 0 && sourceWord(frame, at, 1) === 0;
  const third = sourceWord(frame, at, 2);
  return frame.getUint8(at + SOURCE) !== 0xff && !(isBelowMapped && (third === 0 || third === 0xffff));
}

/** Whether the source is an address that means something on its link only, `fe80::/10` (RFC 4291 §2.5.6). */
export function isLinkLocalSource(frame: DataView, at: number): boolean {
  return (frame.getUint16(at + SOURCE) & 0xffc0) === 0xfe80;
}

/** Sum of the pseudo-header (RFC 8200 §8.1) with the addresses of the packet at `at`; not folded. */
export function pseudoHeaderSum(frame: DataView, at: number, protocol: number, bytes: number): number {
  return sum(frame, at + SOURCE, HEADER_BYTES - SOURCE) + protocol + bytes;
}

/** Writes a header without flow label; the addresses stay as they are. */
export function emit(
  frame: DataView,
  at: number,
  trafficClass: number,
  payloadBytes: number,
  nextHeader: number,
  hopLimit: number,
): void {
  frame.setUint32(at + VERSION_CLASS_AND_FLOW, (6 << 28) | (trafficClass << 20));
  frame.setUint16(at + PAYLOAD_LENGTH, payloadBytes);
  frame.setUint8(at + NEXT_HEADER, nextHeader);
  frame.setUint8(at + HOP_LIMIT, hopLimit);
}

/** Sets the source address. */
export function setSource(frame: DataView, at: number, a: number, b: number, c: number, d: number): void {
  setAddress(frame, at + SOURCE, a, b, c, d);
}

/** Sets the destination address. */
export function setDestination(
  frame: DataView,
  at: number,
  a: number,
  b: number,
  c: number,
  d: number,
): void {
  setAddress(frame, at + DESTINATION, a, b, c, d);
}

/** Makes the source the destination and the other way round. */
export function swapAddresses(frame: DataView, at: number): void {
  for (let word = 0; word < 4; word++) {
    const source = sourceWord(frame, at, word);
    frame.setInt32(at + SOURCE + (word << 2), destinationWord(frame, at, word));
    frame.setInt32(at + DESTINATION + (word << 2), source);
  }
}

/** Bytes of the packet's fragmentable part that come before the fragment with this fragment header. */
export function fragmentOffset(frame: DataView, fragmentHeader: number): number {
  return frame.getUint16(fragmentHeader + FRAGMENT_OFFSET) & OFFSET_BITS;
}

/** Whether more of the packet follows the fragment with this fragment header. */
export function hasMoreFragments(frame: DataView, fragmentHeader: number): boolean {
  return (frame.getUint16(fragmentHeader + FRAGMENT_OFFSET) & MORE_FRAGMENTS) !== 0;
}

/** Identification in a fragment header, signed: with both addresses, what the fragments of a packet share. */
export function identification(frame: DataView, fragmentHeader: number): number {
  return frame.getInt32(fragmentHeader + FRAGMENT_IDENTIFICATION);
}

/**
 * Whether a fragment can be part of a packet: not empty, of whole units of eight bytes unless it is the last, and
 * within the 65,535 bytes that a payload has at the most (RFC 8200 §4.5).
 *
 * @param end Where the packet ends that the fragment is in.
 */
export function isPossibleFragment(frame: DataView, fragmentHeader: number, end: number): boolean {
  const bytes = end - fragmentHeader - FRAGMENT_HEADER_BYTES;
  return bytes > 0 && fragmentOffset(frame, fragmentHeader) + bytes <= 0xffff &&
    (bytes % 8 === 0 || !hasMoreFragments(frame, fragmentHeader));
}

/** What {@linkcode HeaderChain.fragment} is for a whole packet. */
export const NO_FRAGMENT = -1;

/** Most extension headers of one packet: nobody sends more than three, and each costs the time of a look. */
const MOST_HEADERS = 8;
/** Most bytes of extension headers of one packet, far beyond what routers on the way let pass (RFC 7872 §3). */
const MOST_HEADER_BYTES = 512;

/** The headers between the fixed one and the transport's. Made once, and used for one packet after the other. */
export class HeaderChain {
  /** What follows the last header that was walked over; may be a number {@linkcode NextHeader} does not name. */
  protocol = 0;
  /** Offset of what {@linkcode protocol} names: of a later fragment, where its part of the packet begins. */
  transport = 0;
  /**
   * Offset of the fragment header, or {@linkcode NO_FRAGMENT}. A packet that is a single fragment, and so a whole
   * packet, is treated as one that has no such header (RFC 6946 §4).
   */
  fragment = NO_FRAGMENT;

  /**
   * Walks over the extension headers of the packet at `at`; what it finds is in the fields until the next walk.
   * Hot path.
   *
   * @param end Where the packet ends; must be within the frame.
   * @returns Whether the chain is well-formed, ends within the packet, and leads to this destination: a routing
   *   header with segments left leads elsewhere. If not, the fields say nothing.
   */
  walk(frame: DataView, at: number, end: number): boolean {
    let next = frame.getUint8(at + NEXT_HEADER);
    let header = at + HEADER_BYTES;
    const last = Math.min(end, header + MOST_HEADER_BYTES);
    this.fragment = NO_FRAGMENT;
    let hasFragment = false;
    for (let headers = 0; isExtension(next); headers++) {
      // A jumbogram has no room either: its payload length is 0.
      if (headers === MOST_HEADERS || header + 8 > last) return false;
      // The options for every hop can only come first (RFC 8200 §4.1).
      if (next === NextHeader.HOP_BY_HOP && headers > 0) return false;
      const following = frame.getUint8(header);
      if (next === NextHeader.FRAGMENT) {
        if (hasFragment) return false;
        hasFragment = true;
        const offset = fragmentOffset(frame, header);
        if (offset > 0 || hasMoreFragments(frame, header)) this.fragment = header;
        header += FRAGMENT_HEADER_BYTES;
        next = following;
        if (offset > 0) break;
        continue;
      }
      // Segments left (RFC 8200 §4.4).
      if (next === NextHeader.ROUTING && frame.getUint8(header + 3) !== 0) return false;
      const length = frame.getUint8(header + 1);
      // AH counts words of four bytes (RFC 4302 §2.2), the others of eight, each without the first eight bytes.
      header += next === NextHeader.AUTHENTICATION ? (length + 2) << 2 : (length + 1) << 3;
      if (header > last) return false;
      next = following;
    }
    this.protocol = next;
    this.transport = header;
    return true;
  }
}

function isExtension(nextHeader: number): boolean {
  return nextHeader === NextHeader.HOP_BY_HOP || nextHeader === NextHeader.ROUTING ||
    nextHeader === NextHeader.FRAGMENT || nextHeader === NextHeader.AUTHENTICATION ||
    nextHeader === NextHeader.DESTINATION_OPTIONS;
}

function setAddress(frame: DataView, at: number, a: number, b: number, c: number, d: number): void {
  frame.setInt32(at, a);
  frame.setInt32(at + 4, b);
  frame.setInt32(at + 8, c);
  frame.setInt32(at + 12, d);
}
