/**
 * ICMP for IPv6 (RFC 4443).
 *
 * @module
 */

import { finish, fold, sum } from "./checksum.ts";
import * as ipv6 from "./ipv6.ts";

const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const REST = 4;

/** Bytes of the header. */
export const HEADER_BYTES = 8;

export const Type = {
  UNREACHABLE: 1,
  TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
} as const;

/** Code of {@linkcode Type.UNREACHABLE}: nobody serves the port. */
export const CODE_PORT_UNREACHABLE = 4;
/** Code of {@linkcode Type.TOO_BIG}, which has no other. */
export const CODE_TOO_BIG = 0;
/** Code of {@linkcode Type.TIME_EXCEEDED}: the hop limit ran out on the way. */
export const CODE_IN_TRANSIT = 0;

/** Message type; may be a value {@linkcode Type} does not name. */
export function type(frame: DataView, at: number): number {
  return frame.getUint8(at + TYPE);
}

/** What a message of a type says more precisely. */
export function code(frame: DataView, at: number): number {
  return frame.getUint8(at + CODE);
}

/** Whether a message of this type tells the sender of a packet, which it quotes, what became of that. */
export function isAboutPacket(type: number): boolean {
  return type >= Type.UNREACHABLE && type <= Type.PARAMETER_PROBLEM;
}

/**
 * Makes the reply of an echo request, whose first word rises by 0x0100; the checksum follows (RFC 1624 §3). The
 * pseudo-header's sum is the same in both directions.
 */
export function turnRequestIntoReply(frame: DataView, at: number): void {
  frame.setUint8(at + TYPE, Type.ECHO_REPLY);
  frame.setUint16(at + CHECKSUM, ~fold((~frame.getUint16(at + CHECKSUM) & 0xffff) + 0x0100));
}

/** Writes a header with checksum zero; `rest` is its last word: the MTU for {@linkcode Type.TOO_BIG}, else 0. */
export function emit(frame: DataView, at: number, type: number, code: number, rest: number): void {
  frame.setUint8(at + TYPE, type);
  frame.setUint8(at + CODE, code);
  frame.setUint16(at + CHECKSUM, 0);
  frame.setUint32(at + REST, rest);
}

/** Completes the message of `bytes` bytes at `at`, whose checksum is zero, in the packet at `ip` (RFC 4443 §2.3). */
export function complete(frame: DataView, ip: number, at: number, bytes: number): void {
  frame.setUint16(at + CHECKSUM, finish(messageSum(frame, ip, at, bytes)));
}

/** Whether the message of `bytes` bytes at `at` in the packet at `ip` has the right checksum. */
export function isIntact(frame: DataView, ip: number, at: number, bytes: number): boolean {
  return fold(messageSum(frame, ip, at, bytes)) === 0xffff;
}

function messageSum(frame: DataView, ip: number, at: number, bytes: number): number {
  return ipv6.pseudoHeaderSum(frame, ip, ipv6.NextHeader.ICMPV6, bytes) + sum(frame, at, bytes);
}
