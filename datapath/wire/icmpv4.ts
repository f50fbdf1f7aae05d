/**
 * ICMP for IPv4 (RFC 792).
 *
 * @module
 */

const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const REST = 4;

/** Bytes of the header. */
export const HEADER_BYTES = 8;
/** Bytes that an error quotes of the packet it is about, at least, after that packet's IP header. */
export const QUOTED_PAYLOAD_BYTES = 8;

export const Type = {
  ECHO_REPLY: 0,
  UNREACHABLE: 3,
  SOURCE_QUENCH: 4,
  ECHO_REQUEST: 8,
  TIME_EXCEEDED: 11,
} as const;

/** Code of {@linkcode Type.UNREACHABLE}: nobody serves the port. */
export const CODE_PORT_UNREACHABLE = 3;
/** Code of {@linkcode Type.UNREACHABLE}: the packet is too large, and must not be cut. */
export const CODE_TOO_BIG = 4;
/** Code of {@linkcode Type.TIME_EXCEEDED}: the hop limit ran out on the way. */
export const CODE_IN_TRANSIT = 0;

/** Message type; may be a value {@linkcode Type} does not name. */
export function type(frame: DataView, at: number): number {
  return frame.getUint8(at + TYPE);
}

/** Whether a message of this type tells the sender of a packet, which it quotes, what became of that. */
export function isAboutPacket(type: number): boolean {
  return type === Type.UNREACHABLE || type === Type.TIME_EXCEEDED || type === Type.SOURCE_QUENCH;
}

/** Makes the reply of an echo request, whose first word falls by 0x0800; the checksum follows (RFC 1624 §3). */
export function turnRequestIntoReply(frame: DataView, at: number): void {
  frame.setUint8(at + TYPE, Type.ECHO_REPLY);
  const sum = frame.getUint16(at + CHECKSUM) + 0x0800;
  frame.setUint16(at + CHECKSUM, sum >= 0xffff ? sum + 1 : sum);
}

/** Writes a header with checksum zero; `mtu` is the low half of its last word (RFC 1191 §4), else unused. */
export function emit(frame: DataView, at: number, type: number, code: number, mtu: number): void {
  frame.setUint8(at + TYPE, type);
  frame.setUint8(at + CODE, code);
  frame.setUint16(at + CHECKSUM, 0);
  frame.setUint32(at + REST, mtu);
}

/** Sets the checksum. */
export function setChecksum(frame: DataView, at: number, checksum: number): void {
  frame.setUint16(at + CHECKSUM, checksum);
}
