/**
 * TCP header (RFC 9293 §3.1).
 *
 * @module
 */

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const SEQUENCE = 4;
const ACKNOWLEDGMENT = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const URGENT = 18;

/** Byte offset of the checksum. */
export const CHECKSUM = 16;
/** Bytes of a header without options. */
export const HEADER_BYTES = 20;

export const Flag = { FIN: 0x01, SYN: 0x02, RST: 0x04, ACK: 0x10, CWR: 0x80 } as const;

/** Both ports as one signed number, source in the high half. */
export function ports(frame: DataView, at: number): number {
  return frame.getInt32(at + SOURCE_PORT);
}

/** Bytes of the header including options. */
export function headerBytes(frame: DataView, at: number): number {
  return (frame.getUint8(at + DATA_OFFSET) >>> 4) << 2;
}

/** Flags, see {@linkcode Flag}. */
export function flags(frame: DataView, at: number): number {
  return frame.getUint8(at + FLAGS);
}

/** Sequence number, signed. */
export function sequence(frame: DataView, at: number): number {
  return frame.getInt32(at + SEQUENCE);
}

/** Acknowledgment number, signed. */
export function acknowledgment(frame: DataView, at: number): number {
  return frame.getInt32(at + ACKNOWLEDGMENT);
}

/** Checksum, or the pseudo-header's sum where the sender left it to its hardware. */
export function checksum(frame: DataView, at: number): number {
  return frame.getUint16(at + CHECKSUM);
}

/** Sets the checksum. */
export function setChecksum(frame: DataView, at: number, value: number): void {
  frame.setUint16(at + CHECKSUM, value);
}

/** Writes a header without options, window and checksum zero. */
export function emit(
  frame: DataView,
  at: number,
  sourcePort: number,
  destinationPort: number,
  sequence: number,
  acknowledgment: number,
  flags: number,
): void {
  frame.setUint16(at + SOURCE_PORT, sourcePort);
  frame.setUint16(at + DESTINATION_PORT, destinationPort);
  frame.setUint32(at + SEQUENCE, sequence);
  frame.setUint32(at + ACKNOWLEDGMENT, acknowledgment);
  frame.setUint8(at + DATA_OFFSET, (HEADER_BYTES >>> 2) << 4);
  frame.setUint8(at + FLAGS, flags);
  frame.setUint16(at + WINDOW, 0);
  frame.setUint16(at + CHECKSUM, 0);
  frame.setUint16(at + URGENT, 0);
}
