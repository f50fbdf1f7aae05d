/**
 * What the sentinel understands of a frame: ARP, TCP and ICMP over IPv4, as text and numbers that are easy to compare.
 *
 * @module
 */

import { FrameRing } from "../datapath/frame_ring.ts";
import * as arp from "../datapath/wire/arp.ts";
import * as ethernet from "../datapath/wire/ethernet.ts";
import * as icmp from "../datapath/wire/icmpv4.ts";
import * as ipv4 from "../datapath/wire/ipv4.ts";
import * as tcp from "../datapath/wire/tcp.ts";
import { ipv4ToText, macToText } from "../model/ip_address.ts";

export interface ArpPacket {
  readonly kind: "arp";
  /** See `Operation` in wire/arp.ts. */
  readonly operation: number;
  readonly senderMac: string;
  /** `0.0.0.0` in a probe (RFC 5227 §1.1). */
  readonly senderAddress: string;
  readonly targetAddress: string;
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

export interface IcmpMessage {
  readonly kind: "icmp";
  readonly source: string;
  readonly destination: string;
  readonly type: number;
  readonly code: number;
  /** Of an echo request or reply; something else in other messages. */
  readonly identifier: number;
  /** The TCP or UDP packet an error is about, or `null`. */
  readonly quoted: { readonly source: string; readonly sourcePort: number } | null;
}

export type Packet = ArpPacket | TcpSegment | IcmpMessage;

/** Byte of an ICMP header where the identifier of an echo is (RFC 792). */
export const ICMP_IDENTIFIER = 4;
/** Types whose payload is the head of another packet (RFC 792); 5 is a redirect. */
const ERROR_TYPES: readonly number[] = [icmp.Type.UNREACHABLE, 5, icmp.Type.TIME_EXCEEDED];
const PORTS_BYTES = 4;

/** Reads the frame in a slot; `null` if it is none of these or malformed. */
export function readPacket(ring: FrameRing, slot: number): Packet | null {
  const frame = ring.view;
  const at = FrameRing.frameAt(slot);
  const payload = at + ethernet.HEADER_BYTES;
  const bytes = ring.lengths[slot]! - ethernet.HEADER_BYTES;
  if (bytes < 0) return null;
  switch (ethernet.etherType(frame, at)) {
    case ethernet.EtherType.ARP:
      return arp.isIpv4OverEthernet(frame, payload, bytes) ? readArp(frame, payload) : null;
    case ethernet.EtherType.IPV4: {
      const mac = macText(ethernet.sourceHigh(frame, at), ethernet.sourceLow(frame, at));
      return readIpv4(frame, payload, bytes, mac);
    }
    default:
      return null;
  }
}

function readArp(frame: DataView, at: number): ArpPacket {
  return {
    kind: "arp",
    operation: arp.operation(frame, at),
    senderMac: macText(arp.senderMacHigh(frame, at), arp.senderMacLow(frame, at)),
    senderAddress: ipv4ToText(arp.senderAddress(frame, at)),
    targetAddress: ipv4ToText(arp.targetAddress(frame, at)),
  };
}

/** Bytes of the header of a whole IPv4 packet or of the head of one, or `null` if it is neither. */
function headerBytes(frame: DataView, at: number, bytes: number): number | null {
  if (bytes < ipv4.HEADER_BYTES || ipv4.version(frame, at) !== 4) return null;
  const header = ipv4.headerBytes(frame, at);
  return header >= ipv4.HEADER_BYTES && header <= bytes ? header : null;
}

function readIpv4(frame: DataView, at: number, bytes: number, mac: string): Packet | null {
  const header = headerBytes(frame, at, bytes);
  // A short packet is padded to the shortest Ethernet frame.
  const total = Math.min(ipv4.totalLength(frame, at), bytes);
  if (header === null || total < header || ipv4.isFragment(frame, at)) return null;
  const source = ipv4ToText(ipv4.source(frame, at));
  const destination = ipv4ToText(ipv4.destination(frame, at));
  const transport = at + header;
  const left = total - header;
  const protocol = ipv4.protocol(frame, at);
  if (protocol === ipv4.Protocol.TCP && left >= tcp.HEADER_BYTES) {
    const ports = tcp.ports(frame, transport);
    return {
      kind: "tcp",
      mac,
      source,
      destination,
      sourcePort: ports >>> 16,
      destinationPort: ports & 0xffff,
      flags: tcp.flags(frame, transport),
      sequence: tcp.sequence(frame, transport) >>> 0,
      acknowledgment: tcp.acknowledgment(frame, transport) >>> 0,
    };
  }
  if (protocol === ipv4.Protocol.ICMP && left >= icmp.HEADER_BYTES) {
    const type = icmp.type(frame, transport);
    const inner = transport + icmp.HEADER_BYTES;
    return {
      kind: "icmp",
      source,
      destination,
      type,
      code: frame.getUint8(transport + 1),
      identifier: frame.getUint16(transport + ICMP_IDENTIFIER),
      quoted: ERROR_TYPES.includes(type) ? readQuoted(frame, inner, left - icmp.HEADER_BYTES) : null,
    };
  }
  return null;
}

function readQuoted(frame: DataView, at: number, bytes: number): IcmpMessage["quoted"] {
  const header = headerBytes(frame, at, bytes);
  if (header === null || bytes - header < PORTS_BYTES) return null;
  const protocol = ipv4.protocol(frame, at);
  if (protocol !== ipv4.Protocol.TCP && protocol !== ipv4.Protocol.UDP) return null;
  return { source: ipv4ToText(ipv4.source(frame, at)), sourcePort: frame.getUint16(at + header) };
}

function macText(high: number, low: number): string {
  return macToText({ high, low: low >>> 0 });
}
