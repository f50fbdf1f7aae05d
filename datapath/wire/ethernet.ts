/**
 * Ethernet II header (IEEE 802.3 §3.1.1): destination, source, type.
 *
 * Every accessor takes the frame arena and the absolute byte offset of the header; numbers are in host order. In all
 * of `wire/`, fields of 32 bits are read as signed numbers: V8 makes an object of a number from 2^31 on whenever it
 * passes it to a function that it has not inlined, which is 16 bytes of garbage a frame.
 *
 * @module
 */

const DESTINATION = 0;
const SOURCE = 6;
const ETHER_TYPE = 12;
/** Bytes of the header without a tag. */
export const HEADER_BYTES = 14;
/** Shortest frame without its check sequence (IEEE 802.3 §3.2.8). */
export const SHORTEST_FRAME_BYTES = 60;

/** Bytes of an IEEE 802.1Q tag, which stands before the type of the payload. */
export const TAG_BYTES = 4;
/** VLAN of a frame without tag, or with one that holds a priority only (IEEE 802.1Q §9.6). */
export const UNTAGGED = 0;

export const EtherType = { IPV4: 0x0800, ARP: 0x0806, VLAN: 0x8100, IPV6: 0x86dd } as const;

/** Type of the payload. */
export function etherType(frame: DataView, at: number): number {
  return frame.getUint16(at + ETHER_TYPE);
}

/** Whether the destination is a multicast or the broadcast address (group bit, IEEE 802 §8.2). */
export function isGroupDestination(frame: DataView, at: number): boolean {
  return (frame.getUint8(at + DESTINATION) & 1) === 1;
}

/** Whether the source is a multicast or the broadcast address, which no sender can have (IEEE 802 §8.2). */
export function isGroupSource(frame: DataView, at: number): boolean {
  return (frame.getUint8(at + SOURCE) & 1) === 1;
}

/** First two bytes of the destination. */
export function destinationHigh(frame: DataView, at: number): number {
  return frame.getUint16(at + DESTINATION);
}

/** Last four bytes of the destination, signed. */
export function destinationLow(frame: DataView, at: number): number {
  return frame.getInt32(at + DESTINATION + 2);
}

/** First two bytes of the source. */
export function sourceHigh(frame: DataView, at: number): number {
  return frame.getUint16(at + SOURCE);
}

/** Last four bytes of the source, signed. */
export function sourceLow(frame: DataView, at: number): number {
  return frame.getInt32(at + SOURCE + 2);
}

/** Sets the destination. */
export function setDestination(frame: DataView, at: number, high: number, low: number): void {
  frame.setUint16(at + DESTINATION, high);
  frame.setUint32(at + DESTINATION + 2, low);
}

/** Sets the source. */
export function setSource(frame: DataView, at: number, high: number, low: number): void {
  frame.setUint16(at + SOURCE, high);
  frame.setUint32(at + SOURCE + 2, low);
}

/** Sets the type of the payload. */
export function setEtherType(frame: DataView, at: number, type: number): void {
  frame.setUint16(at + ETHER_TYPE, type);
}
