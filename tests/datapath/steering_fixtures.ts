/**
 * Frames of many clients, of every kind that steering tells apart.
 *
 * @module
 */

import type { SharingClients } from "../../datapath/steering.ts";
import { addressWords } from "../../model/ip_address.ts";
import {
  arpFrame,
  BROADCAST_MAC,
  concat,
  countingBytes,
  ethernetFrame,
  Flag,
  icmpFrame,
  ipv4Frame,
  ipv4Packet,
  tcpFrame,
  udpFrame,
  withVlanTag,
} from "./frame_builder.ts";

/** A frame and the client whose worker it belongs to; `null` for the first worker. */
export interface SteeredFrame {
  readonly what: string;
  readonly client: string | null;
  readonly bytes: Uint8Array;
}

const VIP = "192.0.2.10";
const VIP6 = "2001:db8::10";
const ROUTER = "203.0.113.254";
const ROUTER6 = "2001:db8:ffff::1";
const MACS = { from: "00:00:5e:00:53:01", to: "00:00:5e:00:53:02" };
const CLIENTS = 40;

/** Services whose clients share templates: of IPv4 by their /24, of IPv6 by their /56. */
export const persistentServices: readonly SharingClients[] = [
  { vip: VIP, persistenceMs: 60_000, persistencePrefix: 24 },
  { vip: VIP, persistenceMs: 60_000, persistencePrefix: 28 },
  { vip: VIP, persistenceMs: 0, persistencePrefix: 8 },
  { vip: VIP6, persistenceMs: 60_000, persistencePrefix: 56 },
];

/** Every kind of frame for {@linkcode CLIENTS} clients of either family; the last four bytes are free. */
export function steeredFrames(): SteeredFrame[] {
  const frames: SteeredFrame[] = [arp(), ...[133, 134, 135, 136, 137].map(discovery)];
  for (let index = 0; index < CLIENTS; index++) {
    // Neighbours of one /24, and one client of each of many.
    const client = index % 2 === 0 ? `198.51.100.${index}` : `10.${index}.${255 - index}.77`;
    frames.push(...ofIpv4(client), ...ofIpv6(`2001:db8:${index.toString(16)}:${index % 3}::${index + 1}`));
  }
  return frames;
}

function ofIpv4(client: string): SteeredFrame[] {
  const ip = { ...MACS, source: client, destination: VIP };
  const ports = { sourcePort: 40_000, destinationPort: 80 };
  const payload = countingBytes(64);
  const tcp = tcpFrame({ ...ip, ...ports, flags: Flag.SYN, payload });
  const error = { ...ip, source: ROUTER, payload: quotedIpv4(client) };
  const kinds: Record<string, Uint8Array> = {
    "TCP": tcp,
    "TCP in a VLAN": withVlanTag(tcp, 42),
    "TCP behind IP options": tcpFrame({ ...ip, ...ports, flags: 0, payload, options: new Uint8Array(8) }),
    "a merged frame": tcpFrame({ ...ip, ...ports, flags: Flag.ACK, payload: countingBytes(8_000) }),
    "UDP": udpFrame({ ...ip, ...ports, payload }),
    "a later fragment": ipv4Frame({ ...ip, dontFragment: false, fragmentOffset: 185 }, 17, countingBytes(80)),
    "a ping": icmpFrame({ ...ip, type: 8, payload }),
    "an ICMP error in a VLAN": withVlanTag(icmpFrame({ ...error, type: 3, code: 4 }), 42),
    "an ICMP error behind IP options": icmpFrame({ ...error, type: 3, code: 4, options: new Uint8Array(12) }),
  };
  for (const type of [3, 4, 11]) kinds[`ICMP error ${type}`] = icmpFrame({ ...error, type });
  return Object.entries(kinds).map(([what, bytes]) => ({ what, client, bytes }));
}

function ofIpv6(client: string): SteeredFrame[] {
  const payload = countingBytes(64);
  const kinds: Record<string, Uint8Array> = {
    "TCP": ipv6Frame(client, VIP6, 6, payload),
    "UDP in a VLAN": withVlanTag(ipv6Frame(client, VIP6, 17, payload), 42),
    "a fragment": ipv6Frame(client, VIP6, 44, payload),
    "a ping": ipv6Frame(client, VIP6, 58, concat([128, 0, 0, 0], payload)),
  };
  for (const type of [1, 2, 3, 4]) {
    const quoted = ipv6Packet(VIP6, client, 6, payload);
    kinds[`ICMPv6 error ${type}`] = ipv6Frame(ROUTER6, VIP6, 58, concat([type, 0, 0, 0, 0, 0, 0, 0], quoted));
  }
  return Object.entries(kinds).map(([what, bytes]) => ({ what, client, bytes }));
}

function arp(): SteeredFrame {
  const macs = { ...MACS, to: BROADCAST_MAC, senderMac: MACS.from, targetMac: BROADCAST_MAC };
  const bytes = arpFrame({
    ...{ ...macs, operation: "request", senderAddress: ROUTER, targetAddress: VIP, paddedTo: 60 },
  });
  return { what: "ARP", client: null, bytes };
}

function discovery(type: number): SteeredFrame {
  const bytes = ipv6Frame("2001:db8:5::5", VIP6, 58, concat([type, 0, 0, 0], countingBytes(40)));
  return { what: `neighbour discovery ${type}`, client: null, bytes };
}

function quotedIpv4(client: string): Uint8Array {
  const ip = { ...MACS, source: VIP, destination: client, options: new Uint8Array(4) };
  return ipv4Packet(ip, 6, countingBytes(12));
}

function ipv6Frame(source: string, destination: string, next: number, payload: Uint8Array): Uint8Array {
  return ethernetFrame(MACS, 0x86dd, ipv6Packet(source, destination, next, payload));
}

function ipv6Packet(source: string, destination: string, next: number, payload: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(40));
  header.setUint32(0, 6 << 28);
  header.setUint16(4, payload.length);
  header.setUint8(6, next);
  header.setUint8(7, 255);
  [...addressWords(source), ...addressWords(destination)].forEach((word, index) =>
    header.setUint32(8 + index * 4, word)
  );
  return concat(new Uint8Array(header.buffer), payload);
}
