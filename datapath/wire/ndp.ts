/**
 * Neighbor Solicitation and Advertisement (RFC 4861 §4.3, §4.4) over Ethernet (RFC 2464).
 *
 * @module
 */

import * as icmp from "./icmpv6.ts";
import * as ipv6 from "./ipv6.ts";

const FLAGS = 4;
const TARGET = 8;
const OPTION_LENGTH = 1;
/** In an option of Ethernet, the address follows type and length. */
const OPTION_MAC = 2;

/** Bytes of a message without options. */
export const HEADER_BYTES = 24;
/** Bytes of an option with a MAC. */
export const LINK_LAYER_BYTES = 8;
/** Hop limit of every message: one that has passed a router has less (RFC 4861 §3.1). */
export const HOP_LIMIT = 255;

/** Types of the options that hold a MAC. */
export const LinkLayer = { OF_SOURCE: 1, OF_TARGET: 2 } as const;

/** Flags of an advertisement in the last word of its ICMPv6 header. */
export const Flag = { SOLICITED: 0x4000_0000, OVERRIDE: 0x2000_0000 } as const;

/** First word of the multicast addresses of a link, `ff02::/16` (RFC 4291 §2.7), signed. */
export const LINK_GROUP_FIRST = 0xff02_0000 | 0;
/** Last word of the group of all nodes, `ff02::1`; those between are 0. */
export const ALL_NODES_LAST = 1;
/** Third word of the solicited-node groups, `ff02::1:ff00:0/104`; see {@linkcode solicitedNodeLast}. */
export const SOLICITED_NODE_THIRD = 1;

/** What {@linkcode linkLayerAddress} returns if there is no such option. */
export const NO_OPTION = -1;

/** First two bytes of the MAC of an IPv6 multicast address; the others are its last word (RFC 2464 §7). */
export const MULTICAST_MAC_HIGH = 0x3333;

/** Last word of the solicited-node group of the address with the given last word (RFC 4291 §2.7.1), signed. */
export function solicitedNodeLast(lastWord: number): number {
  return 0xff00_0000 | (lastWord & 0x00ff_ffff);
}

/**
 * Whether the message of `bytes` bytes at `at` in the packet at `ip` is a solicitation to be believed (RFC 4861
 * §7.1.1).
 */
export function isValidSolicitation(frame: DataView, ip: number, at: number, bytes: number): boolean {
  if (!isValid(frame, ip, at, bytes)) return false;
  if (!ipv6.isUnspecifiedSource(frame, ip)) return true;
  // Somebody asks whether an address is free that it wants to have itself (RFC 4862 §5.4).
  const isToSolicitedNode = ipv6.destinationWord(frame, ip, 0) === LINK_GROUP_FIRST &&
    ipv6.destinationWord(frame, ip, 1) === 0 && ipv6.destinationWord(frame, ip, 2) === SOLICITED_NODE_THIRD &&
    ipv6.destinationWord(frame, ip, 3) >>> 24 === 0xff;
  return isToSolicitedNode && linkLayerAddress(frame, at, bytes, LinkLayer.OF_SOURCE) === NO_OPTION;
}

/**
 * Whether the message of `bytes` bytes at `at` in the packet at `ip` is an advertisement to be believed (RFC 4861
 * §7.1.2).
 */
export function isValidAdvertisement(frame: DataView, ip: number, at: number, bytes: number): boolean {
  return isValid(frame, ip, at, bytes) && !(isSolicited(frame, at) && ipv6.isGroupDestination(frame, ip));
}

/** Whether an advertisement answers a solicitation. */
export function isSolicited(frame: DataView, at: number): boolean {
  return (frame.getInt32(at + FLAGS) & Flag.SOLICITED) !== 0;
}

/** Whether an advertisement replaces what is believed already. */
export function isOverriding(frame: DataView, at: number): boolean {
  return (frame.getInt32(at + FLAGS) & Flag.OVERRIDE) !== 0;
}

/** A word of the address that is asked for, or that is answered for, 0 to 3, signed. */
export function targetWord(frame: DataView, at: number, word: number): number {
  return frame.getInt32(at + TARGET + (word << 2));
}

/**
 * Offset of the MAC in the first option of a type.
 *
 * @param bytes Of a message that was found valid.
 * @returns The offset, or {@linkcode NO_OPTION}.
 */
export function linkLayerAddress(frame: DataView, at: number, bytes: number, type: number): number {
  const end = at + bytes;
  for (let option = at + HEADER_BYTES; option < end; option += optionBytes(frame, option)) {
    if (frame.getUint8(option) === type && optionBytes(frame, option) === LINK_LAYER_BYTES) {
      return option + OPTION_MAC;
    }
  }
  return NO_OPTION;
}

/** First two bytes of the MAC at an offset. */
export function macHigh(frame: DataView, mac: number): number {
  return frame.getUint16(mac);
}

/** Last four bytes of the MAC at an offset, signed. */
export function macLow(frame: DataView, mac: number): number {
  return frame.getInt32(mac + 2);
}

/** Writes a message with checksum zero, up to its target. */
export function emit(
  frame: DataView,
  at: number,
  type: number,
  flags: number,
  a: number,
  b: number,
  c: number,
  d: number,
): void {
  icmp.emit(frame, at, type, 0, flags);
  frame.setInt32(at + TARGET, a);
  frame.setInt32(at + TARGET + 4, b);
  frame.setInt32(at + TARGET + 8, c);
  frame.setInt32(at + TARGET + 12, d);
}

/** Writes the option of a type with a MAC right behind the target of the message at `at`. */
export function emitLinkLayer(
  frame: DataView,
  at: number,
  type: number,
  macHigh: number,
  macLow: number,
): void {
  const option = at + HEADER_BYTES;
  frame.setUint8(option, type);
  frame.setUint8(option + OPTION_LENGTH, LINK_LAYER_BYTES >>> 3);
  frame.setUint16(option + OPTION_MAC, macHigh);
  frame.setUint32(option + OPTION_MAC + 2, macLow);
}

/** What both messages must be: from this link, whole, about one host. */
function isValid(frame: DataView, ip: number, at: number, bytes: number): boolean {
  return bytes >= HEADER_BYTES && ipv6.hopLimit(frame, ip) === HOP_LIMIT && icmp.code(frame, at) === 0 &&
    frame.getUint8(at + TARGET) !== 0xff && hasWholeOptions(frame, at, bytes) &&
    icmp.isIntact(frame, ip, at, bytes);
}

function hasWholeOptions(frame: DataView, at: number, bytes: number): boolean {
  const end = at + bytes;
  let option = at + HEADER_BYTES;
  while (option + LINK_LAYER_BYTES <= end) {
    const length = optionBytes(frame, option);
    if (length === 0) return false;
    option += length;
  }
  return option === end;
}

/** Bytes of the option at an offset; they are counted in units of eight (RFC 4861 §4.6). */
function optionBytes(frame: DataView, option: number): number {
  return frame.getUint8(option + OPTION_LENGTH) << 3;
}
