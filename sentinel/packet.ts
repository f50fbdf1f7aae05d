/**
 * What the sentinel understands of a frame: who asks and answers for addresses (ARP, and its counterpart NDP of IPv6),
 * TCP, and ICMP of both families, as text and numbers that are easy to compare.
 *
 * @module
 */

import { FrameRing } from "../datapath/frame_ring.ts";
import * as arp from "../datapath/wire/arp.ts";
import * as ethernet from "../datapath/wire/ethernet.ts";
import * as icmp from "../datapath/wire/icmpv4.ts";
import * as icmpv6 from "../datapath/wire/icmpv6.ts";
import * as ipv4 from "../datapath/wire/ipv4.ts";
import * as ipv6 from "../datapath/wire/ipv6.ts";
import * as ndp from "../datapath/wire/ndp.ts";
import * as tcp from "../datapath/wire/tcp.ts";
import { addressText, ipv4ToText, macToText } from "../model/ip_address.ts";

/** An ARP request or reply, or a neighbor solicitation or advertisement (RFC 4861). */
export interface NeighborPacket {
  readonly kind: "neighbor";
  readonly operation: "request" | "reply";
  /** MAC that whoever believes the packet takes {@linkcode senderAddress} to have. */
  readonly senderMac: string;
  /** Whom a request comes from, `0.0.0.0` or `::` in a probe (RFC 5227 §1.1, RFC 4862 §5.4); what a reply is about. */
  readonly senderAddress: string;
  /** What a request asks for; whom a reply is for, `ff02::1` if it is for everybody. */
  readonly targetAddress: string;
  /** Whether the frame went to several hosts. */
  readonly isToGroup: boolean;
}

export interface TcpSegment {
  readonly kind: "tcp";
  /** Source of the Ethernet frame. */
  readonly mac: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
  /** Unsigned, like {@linkcode TcpSegment.acknowledgment}. */
  readonly sequence: number;
  readonly acknowledgment: number;
}

/**
 * `unroutable`: a router has no way to the network or host. `rejected`: any other "destination unreachable".
 */
export type IcmpMeaning = "echo_reply" | "expired" | "redirect" | "unroutable" | "rejected";

export interface IcmpMessage {
  readonly kind: "icmp";
  readonly source: string;
  readonly destination: string;
  /** `null` for a message of no interest. */
  readonly meaning: IcmpMeaning | null;
  readonly code: number;
  /** Of an echo request or reply; something else in other messages. */
  readonly identifier: number;
  /** The TCP or UDP packet an error is about, or `null`. */
  readonly quoted: { readonly source: string; readonly sourcePort: number } | null;
}

export type Packet = NeighborPacket | TcpSegment | IcmpMessage;

/** Byte of an ICMP header where the identifier of an echo is (RFC 792, RFC 4443 §4.1). */
export const ICMP_IDENTIFIER = 4;
/** Types that wire/icmpv4.ts and wire/icmpv6.ts have no need of (RFC 792, RFC 4861 §4.5). */
const ICMP_REDIRECT = 5;
const ICMPV6_REDIRECT = 137;
/** Codes of "destination unreachable" of a router without a way: to the network, to the host (RFC 792). */
const UNROUTABLE: readonly number[] = [0, 1];
/** The same for IPv6: no route, beyond the scope of the source, address does not answer (RFC 4443 §3.1). */
const UNROUTABLE_IPV6: readonly number[] = [0, 2, 3];
/** A redirect has two addresses before its options (RFC 4861 §4.5). */
const REDIRECT_BYTES = 40;
/** Type of the option with the packet that was redirected, and what stands before that (RFC 4861 §4.6.3). */
const REDIRECTED = 4;
const REDIRECTED_AT = 8;
const PORTS_BYTES = 4;

const chain = new ipv6.HeaderChain();

/** Reads the frame in a slot; `null` if it is none of these or malformed. */
export function readPacket(ring: FrameRing, slot: number): Packet | null {
  const frame = ring.view;
  const at = FrameRing.frameAt(slot);
  const payload = at + ethernet.HEADER_BYTES;
  const bytes = ring.lengths[slot]! - ethernet.HEADER_BYTES;
  if (bytes < 0) return null;
  const mac = macText(ethernet.sourceHigh(frame, at), ethernet.sourceLow(frame, at));
  const isToGroup = ethernet.isGroupDestination(frame, at);
  switch (ethernet.etherType(frame, at)) {
    case ethernet.EtherType.ARP:
      return arp.isIpv4OverEthernet(frame, payload, bytes) ? readArp(frame, payload, isToGroup) : null;
    case ethernet.EtherType.IPV4:
      return readIpv4(frame, payload, bytes, mac);
    case ethernet.EtherType.IPV6:
      return readIpv6(frame, payload, bytes, mac, isToGroup);
    default:
      return null;
  }
}

function readArp(frame: DataView, at: number, isToGroup: boolean): NeighborPacket | null {
  const operation = arp.operation(frame, at);
  if (operation !== arp.Operation.REQUEST && operation !== arp.Operation.REPLY) return null;
  return {
    kind: "neighbor",
    operation: operation === arp.Operation.REQUEST ? "request" : "reply",
    senderMac: macText(arp.senderMacHigh(frame, at), arp.senderMacLow(frame, at)),
    senderAddress: ipv4ToText(arp.senderAddress(frame, at)),
    targetAddress: ipv4ToText(arp.targetAddress(frame, at)),
    isToGroup,
  };
}

/** Where a packet is from and to, and what is in it. */
interface Carried {
  readonly mac: string;
  readonly source: string;
  readonly destination: string;
  /** Offset and length of what the IP header is followed by. */
  readonly at: number;
  readonly bytes: number;
}

/** Bytes of the header of a whole IPv4 packet or of the head of one, or `null` if it is neither. */
function headerBytes(frame: DataView, at: number, bytes: number): number | null {
  if (bytes < ipv4.HEADER_BYTES || ipv4.version(frame, at) !== 4) return null;
  const header = ipv4.headerBytes(frame, at);
  return header >= ipv4.HEADER_BYTES && header <= bytes ? header : null;
}

function readIpv4(frame: DataView, ip: number, bytes: number, mac: string): Packet | null {
  const header = headerBytes(frame, ip, bytes);
  // A short packet is padded to the shortest Ethernet frame.
  const total = Math.min(ipv4.totalLength(frame, ip), bytes);
  if (header === null || total < header || ipv4.isFragment(frame, ip)) return null;
  const carried = {
    mac,
    source: ipv4ToText(ipv4.source(frame, ip)),
    destination: ipv4ToText(ipv4.destination(frame, ip)),
    at: ip + header,
    bytes: total - header,
  };
  switch (ipv4.protocol(frame, ip)) {
    case ipv4.Protocol.TCP:
      return readTcp(frame, carried);
    case ipv4.Protocol.ICMP:
      return carried.bytes < icmp.HEADER_BYTES ? null : readIcmp(frame, carried);
    default:
      return null;
  }
}

function readIpv6(
  frame: DataView,
  ip: number,
  bytes: number,
  mac: string,
  isToGroup: boolean,
): Packet | null {
  if (bytes < ipv6.HEADER_BYTES || ipv6.version(frame, ip) !== 6) return null;
  const end = ip + ipv6.HEADER_BYTES + ipv6.payloadLength(frame, ip);
  if (end > ip + bytes || !chain.walk(frame, ip, end) || chain.fragment !== ipv6.NO_FRAGMENT) return null;
  const carried = {
    mac,
    source: wordsText((word) => ipv6.sourceWord(frame, ip, word)),
    destination: wordsText((word) => ipv6.destinationWord(frame, ip, word)),
    at: chain.transport,
    bytes: end - chain.transport,
  };
  switch (chain.protocol) {
    case ipv6.NextHeader.TCP:
      return readTcp(frame, carried);
    case ipv6.NextHeader.ICMPV6:
      return carried.bytes < icmpv6.HEADER_BYTES ? null : readIcmpv6(frame, ip, carried, isToGroup);
    default:
      return null;
  }
}

function readTcp(frame: DataView, { mac, source, destination, at, bytes }: Carried): TcpSegment | null {
  if (bytes < tcp.HEADER_BYTES) return null;
  const ports = tcp.ports(frame, at);
  return {
    kind: "tcp",
    mac,
    source,
    destination,
    sourcePort: ports >>> 16,
    destinationPort: ports & 0xffff,
    flags: tcp.flags(frame, at),
    sequence: tcp.sequence(frame, at) >>> 0,
    acknowledgment: tcp.acknowledgment(frame, at) >>> 0,
  };
}

function readIcmp(frame: DataView, { source, destination, at, bytes }: Carried): IcmpMessage {
  const code = frame.getUint8(at + 1);
  const meaning = meaningOfIcmp(icmp.type(frame, at), code);
  return {
    kind: "icmp",
    source,
    destination,
    meaning,
    code,
    identifier: frame.getUint16(at + ICMP_IDENTIFIER),
    quoted: meaning === null || meaning === "echo_reply"
      ? null
      : readQuoted(frame, at + icmp.HEADER_BYTES, bytes - icmp.HEADER_BYTES),
  };
}

function meaningOfIcmp(type: number, code: number): IcmpMeaning | null {
  switch (type) {
    case icmp.Type.ECHO_REPLY:
      return "echo_reply";
    case icmp.Type.TIME_EXCEEDED:
      return "expired";
    case ICMP_REDIRECT:
      return "redirect";
    case icmp.Type.UNREACHABLE:
      return UNROUTABLE.includes(code) ? "unroutable" : "rejected";
    default:
      return null;
  }
}

function readQuoted(frame: DataView, at: number, bytes: number): IcmpMessage["quoted"] {
  const header = headerBytes(frame, at, bytes);
  if (header === null || bytes - header < PORTS_BYTES) return null;
  const protocol = ipv4.protocol(frame, at);
  if (protocol !== ipv4.Protocol.TCP && protocol !== ipv4.Protocol.UDP) return null;
  return { source: ipv4ToText(ipv4.source(frame, at)), sourcePort: frame.getUint16(at + header) };
}

function readIcmpv6(
  frame: DataView,
  ip: number,
  carried: Carried,
  isToGroup: boolean,
): NeighborPacket | IcmpMessage | null {
  const { source, destination, at, bytes } = carried;
  const type = icmpv6.type(frame, at);
  if (type === icmpv6.Type.NEIGHBOR_SOLICITATION) {
    return ndp.isValidSolicitation(frame, ip, at, bytes) ? readSolicitation(frame, carried, isToGroup) : null;
  }
  if (type === icmpv6.Type.NEIGHBOR_ADVERTISEMENT) {
    return ndp.isValidAdvertisement(frame, ip, at, bytes)
      ? readAdvertisement(frame, carried, isToGroup)
      : null;
  }
  const code = icmpv6.code(frame, at);
  const meaning = meaningOfIcmpv6(type, code);
  return {
    kind: "icmp",
    source,
    destination,
    meaning,
    code,
    identifier: frame.getUint16(at + ICMP_IDENTIFIER),
    quoted: meaning === null || meaning === "echo_reply"
      ? null
      : meaning === "redirect"
      ? readRedirected(frame, at, bytes)
      : readQuotedIpv6(frame, at + icmpv6.HEADER_BYTES, bytes - icmpv6.HEADER_BYTES),
  };
}

function meaningOfIcmpv6(type: number, code: number): IcmpMeaning | null {
  switch (type) {
    case icmpv6.Type.ECHO_REPLY:
      return "echo_reply";
    case icmpv6.Type.TIME_EXCEEDED:
      return "expired";
    case ICMPV6_REDIRECT:
      return "redirect";
    case icmpv6.Type.UNREACHABLE:
      return UNROUTABLE_IPV6.includes(code) ? "unroutable" : "rejected";
    default:
      return null;
  }
}

/** The packet in the last option of a redirect; a router may put the MAC of the better one before it. */
function readRedirected(frame: DataView, at: number, bytes: number): IcmpMessage["quoted"] {
  const end = at + bytes;
  for (let option = at + REDIRECT_BYTES; option + REDIRECTED_AT <= end;) {
    const length = frame.getUint8(option + 1) << 3;
    if (frame.getUint8(option) === REDIRECTED) {
      return readQuotedIpv6(frame, option + REDIRECTED_AT, end - option - REDIRECTED_AT);
    }
    if (length === 0) return null;
    option += length;
  }
  return null;
}

/** Of a packet that the sentinel sent itself, which has no extension headers. */
function readQuotedIpv6(frame: DataView, at: number, bytes: number): IcmpMessage["quoted"] {
  if (bytes < ipv6.HEADER_BYTES + PORTS_BYTES || ipv6.version(frame, at) !== 6) return null;
  if (!chain.walk(frame, at, at + bytes) || chain.fragment !== ipv6.NO_FRAGMENT) return null;
  const { protocol, transport } = chain;
  if (protocol !== ipv6.NextHeader.TCP && protocol !== ipv6.NextHeader.UDP) return null;
  if (transport + PORTS_BYTES > at + bytes) return null;
  const source = wordsText((word) => ipv6.sourceWord(frame, at, word));
  return { source, sourcePort: frame.getUint16(transport) };
}

function readSolicitation(
  frame: DataView,
  { mac, source, at, bytes }: Carried,
  isToGroup: boolean,
): NeighborPacket {
  return {
    kind: "neighbor",
    operation: "request",
    senderMac: optionMac(frame, at, bytes, ndp.LinkLayer.OF_SOURCE) ?? mac,
    senderAddress: source,
    targetAddress: wordsText((word) => ndp.targetWord(frame, at, word)),
    isToGroup,
  };
}

function readAdvertisement(
  frame: DataView,
  { mac, destination, at, bytes }: Carried,
  isToGroup: boolean,
): NeighborPacket {
  return {
    kind: "neighbor",
    operation: "reply",
    senderMac: optionMac(frame, at, bytes, ndp.LinkLayer.OF_TARGET) ?? mac,
    senderAddress: wordsText((word) => ndp.targetWord(frame, at, word)),
    targetAddress: destination,
    isToGroup,
  };
}

function optionMac(frame: DataView, at: number, bytes: number, type: number): string | null {
  const option = ndp.linkLayerAddress(frame, at, bytes, type);
  return option === ndp.NO_OPTION ? null : macText(ndp.macHigh(frame, option), ndp.macLow(frame, option));
}

function wordsText(wordAt: (word: number) => number): string {
  return addressText([wordAt(0) >>> 0, wordAt(1) >>> 0, wordAt(2) >>> 0, wordAt(3) >>> 0]);
}

function macText(high: number, low: number): string {
  return macToText({ high, low: low >>> 0 });
}
