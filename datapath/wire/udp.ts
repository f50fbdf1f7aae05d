/**
 * UDP header (RFC 768).
 *
 * @module
 */

const SOURCE_PORT = 0;
const LENGTH = 4;

/** Byte offset of the checksum. */
export const CHECKSUM = 6;
/** Bytes of the header. */
export const HEADER_BYTES = 8;

/** Both ports as one signed number, source in the high half. */
export function ports(frame: DataView, at: number): number {
  return frame.getInt32(at + SOURCE_PORT);
}

/** Bytes of header and payload. */
export function length(frame: DataView, at: number): number {
  return frame.getUint16(at + LENGTH);
}

/** Checksum; 0 means that the sender made none. */
export function checksum(frame: DataView, at: number): number {
  return frame.getUint16(at + CHECKSUM);
}

/** Sets the checksum; one of zero is written 0xffff (RFC 768). */
export function setChecksum(frame: DataView, at: number, value: number): void {
  frame.setUint16(at + CHECKSUM, value === 0 ? 0xffff : value);
}

/** Writes a header without a checksum; ports as {@linkcode ports} has them, bytes as {@linkcode length}. */
export function emit(frame: DataView, at: number, ports: number, bytes: number): void {
  frame.setInt32(at + SOURCE_PORT, ports);
  frame.setUint16(at + LENGTH, bytes);
  frame.setUint16(at + CHECKSUM, 0);
}
