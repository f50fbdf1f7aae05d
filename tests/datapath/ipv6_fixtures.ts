/**
 * Frames over IPv6 that are forwarded or answered.
 *
 * @module
 */

import { type Fixture, virtioHeader } from "./fixture.ts";
import { countingBytes, Flag } from "./frame_builder.ts";
import {
  ACK6,
  ANSWERED6,
  connected6,
  EXTENSION_BYTES,
  EXTENSIONS,
  FIRST,
  FORWARDED6,
  PING6,
  QUERY6,
  SOLICITATION,
  SYN6,
} from "./ipv6_fixture.ts";
import {
  advertisementFrame,
  fragmentHeader,
  icmp6Frame,
  solicitationFrame,
  solicitedNode,
  tcp6Frame,
  udp6Frame,
} from "./ipv6_frame_builder.ts";
import {
  CLIENT6,
  CLIENT_MAC,
  DIRECTOR6,
  DIRECTOR_MAC,
  MTU,
  Port,
  SERVER6,
  SERVER_MAC,
  UNKNOWN_SERVER6,
  VIP6,
} from "./test_network.ts";

const NEEDS_CHECKSUM = 1;
const GSO_TCPV6 = 4;
const HEADERS = 14 + 40;

const forwarded: readonly Fixture[] = [
  {
    description: "SYN over IPv6",
    frame: tcp6Frame(SYN6),
    verdict: "Forwarded",
    out: tcp6Frame({ ...SYN6, ...FORWARDED6 }),
  },
  {
    description: "segment over IPv6 with class, flow label and options, hop limit 2, and bytes behind it",
    before: connected6,
    frame: tcp6Frame({ ...ACK6, trafficClass: 0xb9, flowLabel: 0xabcde, hopLimit: 2, paddedTo: 90 }),
    verdict: "Forwarded",
    out: tcp6Frame({
      ...ACK6,
      trafficClass: 0xb9,
      flowLabel: 0xabcde,
      ...FORWARDED6,
      hopLimit: 1,
      paddedTo: 90,
    }),
  },
  {
    description: "SYN behind four extension headers",
    frame: tcp6Frame({ ...SYN6, extensions: EXTENSIONS }),
    verdict: "Forwarded",
    out: tcp6Frame({ ...SYN6, ...FORWARDED6, extensions: EXTENSIONS }),
  },
  {
    description: "datagram that is a single fragment, which is a whole packet (RFC 6946)",
    frame: udp6Frame({ ...QUERY6, extensions: [fragmentHeader(0, false, 7)] }),
    verdict: "Forwarded",
    out: udp6Frame({ ...QUERY6, ...FORWARDED6, extensions: [fragmentHeader(0, false, 7)] }),
  },
  {
    description: "datagram over IPv6",
    frame: udp6Frame(QUERY6),
    verdict: "Forwarded",
    out: udp6Frame({ ...QUERY6, ...FORWARDED6 }),
  },
  {
    description: "segment of an unknown connection over IPv6 where the service schedules such",
    frame: tcp6Frame({ ...ACK6, destinationPort: Port.SCHEDULES_UNKNOWN }),
    verdict: "Forwarded",
    out: tcp6Frame({ ...ACK6, ...FORWARDED6, destinationPort: Port.SCHEDULES_UNKNOWN }),
  },
  {
    description: "TCP over IPv6 with a partial checksum behind extension headers",
    frame: tcp6Frame({ ...SYN6, extensions: EXTENSIONS, checksum: "partial" }),
    verdict: "Forwarded",
    out: tcp6Frame({ ...SYN6, ...FORWARDED6, extensions: EXTENSIONS, checksum: "partial" }),
    described: virtioHeader({
      flags: NEEDS_CHECKSUM,
      checksumStart: HEADERS + EXTENSION_BYTES,
      checksumOffset: 16,
    }),
  },
  {
    description: "UDP over IPv6 with a partial checksum",
    frame: udp6Frame({ ...QUERY6, checksum: "partial" }),
    verdict: "Forwarded",
    out: udp6Frame({ ...QUERY6, ...FORWARDED6, checksum: "partial" }),
    described: virtioHeader({ flags: NEEDS_CHECKSUM, checksumStart: HEADERS, checksumOffset: 6 }),
  },
  {
    description: "TCP over IPv6 larger than the MTU is to be cut, its checksum made partial",
    before: connected6,
    frame: tcp6Frame({ ...ACK6, payload: countingBytes(20_000) }),
    verdict: "Forwarded",
    out: tcp6Frame({ ...ACK6, ...FORWARDED6, payload: countingBytes(20_000), checksum: "partial" }),
    described: virtioHeader({
      flags: NEEDS_CHECKSUM,
      gsoType: GSO_TCPV6,
      headerBytes: HEADERS + 20,
      gsoBytes: MTU - 60,
      checksumStart: HEADERS,
      checksumOffset: 16,
    }),
  },
];

const SOLICITED = { from: DIRECTOR_MAC, to: CLIENT_MAC, source: VIP6, target: VIP6, linkLayer: DIRECTOR_MAC };

const resolution: readonly Fixture[] = [
  {
    description: "neighbour solicitation for the VIP",
    frame: solicitationFrame(SOLICITATION),
    verdict: "AnsweredNdp",
    out: advertisementFrame({ ...SOLICITED, destination: "fe80::7", isSolicited: true, isOverriding: true }),
  },
  {
    description: "neighbour solicitation for the VIP to our MAC, without option and padded",
    frame: solicitationFrame({
      from: CLIENT_MAC,
      to: DIRECTOR_MAC,
      source: CLIENT6,
      destination: VIP6,
      target: VIP6,
      paddedTo: 90,
    }),
    verdict: "AnsweredNdp",
    out: advertisementFrame({ ...SOLICITED, destination: CLIENT6, isSolicited: true, isOverriding: true }),
  },
  {
    description: "somebody who wants the VIP for itself (RFC 4862): it is taken, all are told",
    frame: solicitationFrame({ from: CLIENT_MAC, ...solicitedNode(VIP6), source: "::", target: VIP6 }),
    verdict: "AnsweredNdp",
    out: advertisementFrame({
      ...SOLICITED,
      to: "33:33:00:00:00:01",
      destination: "ff02::1",
      isOverriding: true,
    }),
  },
  {
    description: "neighbour solicitation for an address that is no VIP",
    frame: solicitationFrame({ ...SOLICITATION, target: "2001:db8::11" }),
    verdict: "IgnoredNdp",
  },
  {
    description: "neighbour solicitation of a real server for somebody else",
    frame: solicitationFrame({
      ...SOLICITATION,
      from: SERVER_MAC,
      source: SERVER6,
      target: "2001:db8::1",
      linkLayer: SERVER_MAC,
    }),
    verdict: "LearntNeighbor",
  },
  {
    description: "neighbour advertisement of a real server",
    frame: advertisementFrame({
      from: SERVER_MAC,
      to: DIRECTOR_MAC,
      source: SERVER6,
      destination: DIRECTOR6,
      target: UNKNOWN_SERVER6,
      linkLayer: SERVER_MAC,
      isSolicited: true,
      isOverriding: true,
    }),
    verdict: "LearntNeighbor",
  },
  {
    description: "neighbour advertisement about the VIP",
    frame: advertisementFrame({ ...SOLICITED, from: CLIENT_MAC, to: DIRECTOR_MAC, destination: DIRECTOR6 }),
    verdict: "IgnoredNdp",
  },
  ...([
    ["that has passed a router", solicitationFrame({ ...SOLICITATION, hopLimit: 254 })],
    ["with a wrong checksum", solicitationFrame({ ...SOLICITATION, checksum: 0x1234 })],
    ["with an option of no length", solicitationFrame({ ...SOLICITATION, options: new Uint8Array(8) })],
    ["that ends inside its target", solicitationFrame(SOLICITATION).slice(0, 14 + 40 + 23)],
  ] as const).map(([what, frame]): Fixture => ({
    description: `neighbour solicitation ${what}`,
    frame,
    verdict: "DroppedMalformed",
  })),
];

/** The error, which quotes as much as fits in 1,280 bytes (RFC 4443 §2.4). */
function icmp6Error(type: number, code: number, about: Uint8Array, rest = 0): Uint8Array {
  return icmp6Frame({ ...ANSWERED6, type, code, rest, payload: about.slice(14, 14 + 1_280 - 48) });
}

const reset6 = {
  ...ANSWERED6,
  sourcePort: Port.WEB,
  destinationPort: SYN6.sourcePort,
  window: 0,
  flags: Flag.RST,
  sequence: 0xfedcba98,
};
const withoutServer = tcp6Frame({ ...SYN6, destinationPort: Port.ALL_DOWN });
const withoutService = udp6Frame({ ...QUERY6, destinationPort: 9, extensions: EXTENSIONS });
const dying = tcp6Frame({ ...SYN6, hopLimit: 1 });
const tooBig = udp6Frame({ ...QUERY6, payload: countingBytes(MTU - 47) });
const tooBigFragment = udp6Frame({ ...QUERY6, extensions: [FIRST], payload: countingBytes(1_496) });

const answered: readonly Fixture[] = [
  {
    description: "ping over IPv6",
    frame: icmp6Frame(PING6),
    verdict: "AnsweredEcho",
    out: icmp6Frame({ ...PING6, ...ANSWERED6, type: 129 }),
  },
  {
    description: "ping over IPv6 with a class, a spent hop limit and options, which are not returned",
    frame: icmp6Frame({ ...PING6, trafficClass: 0xb8, hopLimit: 1, extensions: EXTENSIONS }),
    verdict: "AnsweredEcho",
    out: icmp6Frame({ ...PING6, ...ANSWERED6, type: 129, trafficClass: 0xb8 }),
  },
  {
    description: "ACK of no connection over IPv6",
    frame: tcp6Frame(ACK6),
    verdict: "AnsweredReset",
    out: tcp6Frame(reset6),
  },
  {
    description: "SYN over IPv6 behind extension headers to a port without a service",
    frame: tcp6Frame({ ...SYN6, destinationPort: 9, extensions: EXTENSIONS, payload: countingBytes(10) }),
    verdict: "AnsweredNoService",
    out: tcp6Frame({
      ...reset6,
      sourcePort: 9,
      flags: Flag.RST | Flag.ACK,
      sequence: 0,
      acknowledgment: 1_011,
    }),
  },
  {
    description: "SYN over IPv6 to a service whose servers are all down",
    frame: withoutServer,
    verdict: "AnsweredUnreachable",
    out: icmp6Error(1, 4, withoutServer),
  },
  {
    description: "datagram over IPv6 to a port without a service",
    frame: withoutService,
    verdict: "AnsweredNoService",
    out: icmp6Error(1, 4, withoutService),
  },
  {
    description: "SYN with hop limit 1",
    frame: dying,
    verdict: "AnsweredTimeExceeded",
    out: icmp6Error(3, 0, dying),
  },
  {
    description: "datagram over IPv6 one byte larger than the MTU, which no router may cut",
    frame: tooBig,
    verdict: "AnsweredTooBig",
    out: icmp6Error(2, 0, tooBig, MTU),
  },
  {
    description: "first fragment over IPv6 larger than the MTU",
    frame: tooBigFragment,
    verdict: "AnsweredTooBig",
    out: icmp6Error(2, 0, tooBigFragment, MTU),
  },
];

export const IPV6_FIXTURES: readonly Fixture[] = [...forwarded, ...resolution, ...answered];
