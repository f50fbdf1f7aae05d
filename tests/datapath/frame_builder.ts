/**
 * Frames as tests want to write and read them. It shares no code with `datapath/wire/`, so that a mistake there
 * cannot hide behind the same mistake here.
 *
 * @module
 */

export const Flag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128 } as const;

export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";

export interface EthernetFields {
  readonly from: string;
  readonly to: string;
  /** Zero bytes are appended up to this length; 60 is what a sender on a real cable does. */
  readonly paddedTo?: number;
}

export interface Ipv4Fields extends EthernetFields {
  readonly source: string;
  readonly destination: string;
  readonly ttl?: number;
  readonly typeOfService?: number;
  readonly identification?: number;
  /** @default true */
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** Eight-byte units, as on the wire. */
  readonly fragmentOffset?: number;
  /** A multiple of four bytes. */
  readonly options?: Uint8Array;
  /** In place of the right ones. */
  readonly version?: number;
  readonly headerWords?: number;
  readonly totalLength?: number;
}

/** `partial` is the sum of the pseudo-header only, which is what a sender with checksum offload leaves. */
export type Checksum = "complete" | "partial" | number;

export interface TcpFields extends Ipv4Fields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly window?: number;
  /** A multiple of four bytes. */
  readonly tcpOptions?: Uint8Array;
  /** In place of the right one. */
  readonly tcpHeaderWords?: number;
  readonly payload?: Uint8Array;
  readonly checksum?: Checksum;
}

export interface UdpFields extends Ipv4Fields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** In place of the right one. */
  readonly udpLength?: number;
  readonly payload?: Uint8Array;
  readonly checksum?: Checksum;
}

export interface IcmpFields extends Ipv4Fields {
  readonly type: number;
  readonly code?: number;
  /** Bytes 4 to 7: identifier and sequence number of a ping. */
  readonly rest?: number;
  readonly payload?: Uint8Array;
}

export interface ArpFields extends EthernetFields {
  readonly operation: "request" | "reply" | number;
  readonly senderMac: string;
  readonly senderAddress: string;
  readonly targetMac: string;
  readonly targetAddress: string;
  readonly hardwareType?: number;
}

const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 };

/** A frame of any type. */
export function ethernetFrame(
  { from, to, paddedTo = 0 }: EthernetFields,
  type: number,
  payload: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(Math.max(14 + payload.length, paddedTo));
  frame.set(mac(to), 0);
  frame.set(mac(from), 6);
  frame.set(words16(type), 12);
  frame.set(payload, 14);
  return frame;
}

export function arpFrame(fields: ArpFields): Uint8Array {
  const operation = { request: 1, reply: 2 }[fields.operation] ?? Number(fields.operation);
  return ethernetFrame(
    fields,
    0x0806,
    concat(
      words16(fields.hardwareType ?? 1, 0x0800, 0x0604, operation),
      mac(fields.senderMac),
      address(fields.senderAddress),
      mac(fields.targetMac),
      address(fields.targetAddress),
    ),
  );
}

/** A packet of any protocol. */
export function ipv4Frame(fields: Ipv4Fields, protocol: number, payload: Uint8Array): Uint8Array {
  return ethernetFrame(fields, 0x0800, ipv4Packet(fields, protocol, payload));
}

/** The same without the Ethernet header: what an ICMP error quotes. */
export function ipv4Packet(fields: Ipv4Fields, protocol: number, payload: Uint8Array): Uint8Array {
  const options = fields.options ?? new Uint8Array();
  const headerWords = fields.headerWords ?? 5 + options.length / 4;
  const fragment = (fields.dontFragment ?? true ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0) |
    (fields.fragmentOffset ?? 0);
  const header = concat(
    [((fields.version ?? 4) << 4) | headerWords, fields.typeOfService ?? 0],
    words16(fields.totalLength ?? 20 + options.length + payload.length),
    words16(fields.identification ?? 0, fragment),
    [fields.ttl ?? 64, protocol],
    words16(0),
    address(fields.source),
    address(fields.destination),
    options,
  );
  header.set(words16(internetChecksum(header)), 10);
  return concat(header, payload);
}

export function tcpFrame(fields: TcpFields): Uint8Array {
  const options = fields.tcpOptions ?? new Uint8Array();
  const segment = concat(
    words16(fields.sourcePort, fields.destinationPort),
    words32(fields.sequence ?? 1_000, fields.acknowledgment ?? 0),
    [(fields.tcpHeaderWords ?? 5 + options.length / 4) << 4, fields.flags],
    words16(fields.window ?? 0xfaf0, 0, 0),
    options,
    fields.payload ?? [],
  );
  segment.set(words16(transportChecksum(fields, PROTOCOL.tcp, segment)), 16);
  return ipv4Frame(fields, PROTOCOL.tcp, segment);
}

export function udpFrame(fields: UdpFields): Uint8Array {
  const payload = fields.payload ?? new Uint8Array();
  const datagram = concat(
    words16(fields.sourcePort, fields.destinationPort, fields.udpLength ?? 8 + payload.length, 0),
    payload,
  );
  datagram.set(words16(transportChecksum(fields, PROTOCOL.udp, datagram)), 6);
  return ipv4Frame(fields, PROTOCOL.udp, datagram);
}

export function icmpFrame(fields: IcmpFields): Uint8Array {
  const message = concat(
    [fields.type, fields.code ?? 0, 0, 0],
    words32(fields.rest ?? 0),
    fields.payload ?? [],
  );
  message.set(words16(internetChecksum(message)), 2);
  return ipv4Frame(fields, PROTOCOL.icmp, message);
}

/** Puts an IEEE 802.1Q tag before the type of a frame. */
export function withVlanTag(frame: Uint8Array, vlan: number): Uint8Array {
  return concat(frame.subarray(0, 12), words16(0x8100, vlan), frame.subarray(12));
}

/** The checksum of RFC 1071 over `bytes`, an odd one completed with zero. */
export function internetChecksum(bytes: Uint8Array): number {
  return ~onesComplementSum(bytes) & 0xffff;
}

/** Bytes of a dotted address. */
export function address(text: string): Uint8Array {
  return Uint8Array.from(text.split("."), Number);
}

/** Bytes of `aa:bb:cc:dd:ee:ff`. */
export function mac(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (byte) => parseInt(byte, 16));
}

/** `length` bytes that differ from their neighbours. */
export function countingBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7);
}

export function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function transportChecksum(
  fields: Ipv4Fields & { readonly checksum?: Checksum },
  protocol: number,
  segment: Uint8Array,
): number {
  const wanted = fields.checksum ?? "complete";
  if (typeof wanted === "number") return wanted;
  const pseudoHeader = concat(
    address(fields.source),
    address(fields.destination),
    words16(protocol, segment.length),
  );
  if (wanted === "partial") return onesComplementSum(pseudoHeader);
  const checksum = internetChecksum(concat(pseudoHeader, segment));
  // In UDP, zero would say that there is none (RFC 768).
  return protocol === PROTOCOL.udp && checksum === 0 ? 0xffff : checksum;
}

/** Sum of the 16-bit words of `bytes`, an odd one completed with zero, with its carries folded in. */
export function onesComplementSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** Bytes of 16-bit words. */
export function words16(...words: number[]): Uint8Array {
  return Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 255]));
}

/** Bytes of 32-bit words. */
export function words32(...words: number[]): Uint8Array {
  return words16(...words.flatMap((word) => [word >>> 16, word & 0xffff]));
}
