/**
 * IPv4 header (RFC 791 §3.1).
 *
 * @module
 */

const VERSION_AND_LENGTH = 0;
const TYPE_OF_SERVICE = 1;
const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const FLAGS_AND_OFFSET = 6;
const TTL = 8;
const PROTOCOL = 9;
const CHECKSUM = 10;
const SOURCE = 12;
const DESTINATION = 16;

/** Bytes of a header without options. */
export const HEADER_BYTES = 20;

export const Protocol = { ICMP: 1, TCP: 6, UDP: 17 } as const;

/** "More fragments" flag and fragment offset: zero for a whole packet. */
const FRAGMENT_BITS = 0x3fff;
const OFFSET_BITS = 0x1fff;
const MORE_FRAGMENTS = 0x2000;
const DONT_FRAGMENT = 0x4000;

/** Options of one byte (RFC 791 §3.1); all others have their length in a second byte. */
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
/** Set in the type of an option that every fragment carries. */
const COPIED = 0x80;

/** Version, 4 for IPv4. */
export function version(frame: DataView, at: number): number {
  return frame.getUint8(at + VERSION_AND_LENGTH) >>> 4;
}

/** Bytes of the header including options. */
export function headerBytes(frame: DataView, at: number): number {
  return (frame.getUint8(at + VERSION_AND_LENGTH) & 0x0f) << 2;
}

/** Bytes of the packet including the header. */
export function totalLength(frame: DataView, at: number): number {
  return frame.getUint16(at + TOTAL_LENGTH);
}

/** Whether the packet is a fragment, first ones included. */
export function isFragment(frame: DataView, at: number): boolean {
  return (frame.getUint16(at + FLAGS_AND_OFFSET) & FRAGMENT_BITS) !== 0;
}

/** Bytes of the packet's payload that come before this fragment: 0 for a whole packet. */
export function fragmentOffset(frame: DataView, at: number): number {
  return (frame.getUint16(at + FLAGS_AND_OFFSET) & OFFSET_BITS) << 3;
}

/** Identification and protocol as one number: with both addresses, what the fragments of a packet share. */
export function packetNumber(frame: DataView, at: number): number {
  return (frame.getUint16(at + IDENTIFICATION) << 8) | frame.getUint8(at + PROTOCOL);
}

/**
 * Whether a fragment can be part of a packet: not empty, of whole units of eight bytes unless it is the last, and
 * within the 65,535 bytes that a packet has at the most.
 *
 * @param payloadBytes Bytes behind its header.
 */
export function isPossibleFragment(frame: DataView, at: number, payloadBytes: number): boolean {
  const end = headerBytes(frame, at) + fragmentOffset(frame, at) + payloadBytes;
  return payloadBytes > 0 && end <= 0xffff && (payloadBytes % 8 === 0 || !hasMoreFragments(frame, at));
}

/** Whether more of the packet follows this fragment. */
export function hasMoreFragments(frame: DataView, at: number): boolean {
  return (frame.getUint16(at + FLAGS_AND_OFFSET) & MORE_FRAGMENTS) !== 0;
}

/** Whether the sender forbids to cut the packet. */
export function isUncuttable(frame: DataView, at: number): boolean {
  return (frame.getUint16(at + FLAGS_AND_OFFSET) & DONT_FRAGMENT) !== 0;
}

/** Hops left. */
export function ttl(frame: DataView, at: number): number {
  return frame.getUint8(at + TTL);
}

/** Protocol number of the payload. */
export function protocol(frame: DataView, at: number): number {
  return frame.getUint8(at + PROTOCOL);
}

/** Source address, signed. */
export function source(frame: DataView, at: number): number {
  return frame.getInt32(at + SOURCE);
}

/** Destination address, signed. */
export function destination(frame: DataView, at: number): number {
  return frame.getInt32(at + DESTINATION);
}

/** Whether the source is an address one host can have: not "this network", loopback, multicast or above. */
export function isHostSource(frame: DataView, at: number): boolean {
  const network = frame.getUint8(at + SOURCE);
  return network !== 0 && network !== 127 && network < 224; // RFC 1122 §3.2.1.3
}

/** Type of service: DSCP and ECN (RFC 2474 §3, RFC 3168 §5). */
export function typeOfService(frame: DataView, at: number): number {
  return frame.getUint8(at + TYPE_OF_SERVICE);
}

/**
 * Takes one hop off and repairs the checksum by the difference (RFC 1624 §3): the TTL is the high byte of its
 * word, so the sum falls by 0x0100 and its complement rises by as much.
 */
export function decrementTtl(frame: DataView, at: number): void {
  frame.setUint8(at + TTL, frame.getUint8(at + TTL) - 1);
  const sum = frame.getUint16(at + CHECKSUM) + 0x0100;
  frame.setUint16(at + CHECKSUM, sum >= 0xffff ? sum + 1 : sum);
}

/** Writes a header without options, "don't fragment" set and checksum zero. */
export function emit(
  frame: DataView,
  at: number,
  typeOfService: number,
  totalLength: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  frame.setUint8(at + VERSION_AND_LENGTH, 0x45);
  frame.setUint8(at + TYPE_OF_SERVICE, typeOfService);
  frame.setUint16(at + TOTAL_LENGTH, totalLength);
  frame.setUint16(at + IDENTIFICATION, 0);
  frame.setUint16(at + FLAGS_AND_OFFSET, DONT_FRAGMENT);
  frame.setUint8(at + TTL, ttl);
  frame.setUint8(at + PROTOCOL, protocol);
  frame.setUint16(at + CHECKSUM, 0);
  frame.setUint32(at + SOURCE, source);
  frame.setUint32(at + DESTINATION, destination);
}

/** Sets the header checksum. */
export function setChecksum(frame: DataView, at: number, checksum: number): void {
  frame.setUint16(at + CHECKSUM, checksum);
}

/** Sets the bytes of the packet including the header. */
export function setTotalLength(frame: DataView, at: number, bytes: number): void {
  frame.setUint16(at + TOTAL_LENGTH, bytes);
}

/** Says which part of a packet this is; "don't fragment" is cleared. */
export function setFragment(frame: DataView, at: number, offset: number, isFollowed: boolean): void {
  frame.setUint16(at + FLAGS_AND_OFFSET, (offset >>> 3) | (isFollowed ? MORE_FRAGMENTS : 0));
}

/** Turns options that only the first fragment carries into no-operations (RFC 791 §3.1). */
export function blankFirstOnlyOptions(frame: DataView, at: number): void {
  const end = at + headerBytes(frame, at);
  let option = at + HEADER_BYTES;
  while (option < end) {
    const type = frame.getUint8(option);
    if (type === END_OF_OPTIONS) return;
    const announced = type === NO_OPERATION || option + 1 === end ? 1 : frame.getUint8(option + 1);
    const next = Math.min(option + Math.max(announced, 1), end);
    if ((type & COPIED) === 0) {
      for (let byte = option; byte < next; byte++) frame.setUint8(byte, NO_OPERATION);
    }
    option = next;
  }
}
