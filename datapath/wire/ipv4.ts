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
  frame.setUint16(at + FLAGS_AND_OFFSET, 0x4000);
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
