/**
 * Frames over IPv6 as tests want to write them. Like frame_builder.ts, it shares no code with `datapath/wire/`.
 *
 * @module
 */

import ipaddr from "ipaddr.js";
import {
  type Checksum,
  concat,
  type EthernetFields,
  ethernetFrame,
  internetChecksum,
  mac,
  onesComplementSum,
  words16,
  words32,
} from "./frame_builder.ts";

/** Numbers of what follows a header. */
export const Next = {
  HOP_BY_HOP: 0,
  TCP: 6,
  UDP: 17,
  ROUTING: 43,
  FRAGMENT: 44,
  AUTHENTICATION: 51,
  ICMPV6: 58,
  NOTHING: 59,
  DESTINATION_OPTIONS: 60,
} as const;

/** An extension header; the first of its bytes is set to what follows. */
export interface Extension {
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface Ipv6Fields extends EthernetFields {
  readonly source: string;
  readonly destination: string;
  /** @default 64 */
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  /** In their order. @default none */
  readonly extensions?: readonly Extension[];
  /** In place of the right ones. */
  readonly version?: number;
  readonly payloadLength?: number;
}

export interface Tcp6Fields extends Ipv6Fields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly window?: number;
  /** A multiple of four bytes. */
  readonly tcpOptions?: Uint8Array;
  readonly payload?: Uint8Array;
  readonly checksum?: Checksum;
}

export interface Udp6Fields extends Ipv6Fields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** In place of the right one. */
  readonly udpLength?: number;
  readonly payload?: Uint8Array;
  readonly checksum?: Checksum;
}

export interface Icmp6Fields extends Ipv6Fields {
  readonly type: number;
  readonly code?: number;
  /** Bytes 4 to 7. */
  readonly rest?: number;
  readonly payload?: Uint8Array;
  readonly checksum?: number;
}

/** A Neighbor Discovery message; its hop limit is 255 unless another is given. */
export interface NeighborFields extends Ipv6Fields {
  readonly target: string;
  /** MAC in the option of the message's own type. @default no option */
  readonly linkLayer?: string;
  /** In place of that option. */
  readonly options?: Uint8Array;
  readonly code?: number;
  readonly checksum?: number;
}

export interface AdvertisementFields extends NeighborFields {
  readonly isRouter?: boolean;
  readonly isSolicited?: boolean;
  readonly isOverriding?: boolean;
}

/** Bytes of an IPv6 address. */
export function address6(text: string): Uint8Array {
  return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
}

/** The multicast group of RFC 4291 §2.7.1, and the MAC of RFC 2464 §7, that everybody with an address listens to. */
export function solicitedNode(address: string): { readonly to: string; readonly destination: string } {
  const hex = [...address6(address).subarray(13)].map((byte) => byte.toString(16).padStart(2, "0"));
  return {
    to: `33:33:ff:${hex.join(":")}`,
    destination: ipaddr.parse(`ff02::1:ff${hex[0]}:${hex[1]}${hex[2]}`).toString(),
  };
}

/** A packet of any protocol. */
export function ipv6Frame(fields: Ipv6Fields, nextHeader: number, payload: Uint8Array): Uint8Array {
  return ethernetFrame(fields, 0x86dd, ipv6Packet(fields, nextHeader, payload));
}

/** The same without the Ethernet header: what an ICMPv6 error quotes. */
export function ipv6Packet(fields: Ipv6Fields, nextHeader: number, payload: Uint8Array): Uint8Array {
  const { extensions = [] } = fields;
  const headers = extensions.map(({ bytes }, index) =>
    bytes.with(0, extensions[index + 1]?.type ?? nextHeader)
  );
  const behind = concat(...headers, payload);
  const trafficClass = fields.trafficClass ?? 0;
  const header = concat(
    words32((((fields.version ?? 6) << 28) | (trafficClass << 20) | (fields.flowLabel ?? 0)) >>> 0),
    words16(fields.payloadLength ?? behind.length),
    [extensions[0]?.type ?? nextHeader, fields.hopLimit ?? 64],
    address6(fields.source),
    address6(fields.destination),
  );
  return concat(header, behind);
}

/** Options for every hop, or for the destination: `bytes` in all, a multiple of eight, of padding. */
export function optionsHeader(type: number, bytes = 8): Extension {
  return { type, bytes: concat([0, bytes / 8 - 1], new Uint8Array(bytes - 2)) };
}

export function routingHeader(segmentsLeft: number, bytes = 24): Extension {
  return {
    type: Next.ROUTING,
    bytes: concat([0, bytes / 8 - 1, 0, segmentsLeft], new Uint8Array(bytes - 4)),
  };
}

export function authenticationHeader(bytes = 24): Extension {
  return { type: Next.AUTHENTICATION, bytes: concat([0, bytes / 4 - 2], new Uint8Array(bytes - 2)) };
}

/** @param offset Bytes, a multiple of eight. */
export function fragmentHeader(offset: number, hasMore: boolean, identification = 0): Extension {
  const bytes = concat([0, 0], words16(offset | (hasMore ? 1 : 0)), words32(identification));
  return { type: Next.FRAGMENT, bytes };
}

export function tcp6Frame(fields: Tcp6Fields): Uint8Array {
  const options = fields.tcpOptions ?? new Uint8Array();
  const segment = concat(
    words16(fields.sourcePort, fields.destinationPort),
    words32(fields.sequence ?? 1_000, fields.acknowledgment ?? 0),
    [(5 + options.length / 4) << 4, fields.flags],
    words16(fields.window ?? 0xfaf0, 0, 0),
    options,
    fields.payload ?? [],
  );
  segment.set(words16(checksum6(fields, Next.TCP, segment)), 16);
  return ipv6Frame(fields, Next.TCP, segment);
}

export function udp6Frame(fields: Udp6Fields): Uint8Array {
  const payload = fields.payload ?? new Uint8Array();
  const datagram = concat(
    words16(fields.sourcePort, fields.destinationPort, fields.udpLength ?? 8 + payload.length, 0),
    payload,
  );
  datagram.set(words16(checksum6(fields, Next.UDP, datagram)), 6);
  return ipv6Frame(fields, Next.UDP, datagram);
}

export function icmp6Frame(fields: Icmp6Fields): Uint8Array {
  const message = concat(
    [fields.type, fields.code ?? 0, 0, 0],
    words32(fields.rest ?? 0),
    fields.payload ?? [],
  );
  message.set(words16(checksum6(fields, Next.ICMPV6, message)), 2);
  return ipv6Frame(fields, Next.ICMPV6, message);
}

export function solicitationFrame(fields: NeighborFields): Uint8Array {
  return icmp6Frame({ hopLimit: 255, ...fields, type: 135, payload: targetAndOption(fields, 1) });
}

export function advertisementFrame(fields: AdvertisementFields): Uint8Array {
  const flags = (fields.isRouter ? 0x8000_0000 : 0) + (fields.isSolicited ? 0x4000_0000 : 0) +
    (fields.isOverriding ? 0x2000_0000 : 0);
  const payload = targetAndOption(fields, 2);
  return icmp6Frame({ hopLimit: 255, ...fields, type: 136, rest: flags, payload });
}

function targetAndOption({ target, linkLayer, options }: NeighborFields, type: number): Uint8Array {
  const option = linkLayer === undefined ? [] : concat([type, 1], mac(linkLayer));
  return concat(address6(target), options ?? option);
}

function checksum6(
  fields: Ipv6Fields & { readonly checksum?: Checksum },
  protocol: number,
  segment: Uint8Array,
): number {
  const wanted = fields.checksum ?? "complete";
  if (typeof wanted === "number") return wanted;
  const pseudoHeader = concat(
    address6(fields.source),
    address6(fields.destination),
    words32(segment.length, protocol),
  );
  if (wanted === "partial") return onesComplementSum(pseudoHeader);
  const checksum = internetChecksum(concat(pseudoHeader, segment));
  // In UDP, zero would say that there is none, which IPv6 does not allow (RFC 8200 §8.1).
  return protocol === Next.UDP && checksum === 0 ? 0xffff : checksum;
}
