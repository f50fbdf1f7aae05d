/**
 * Loads that a frame must not cost memory under.
 *
 * @module
 */

import type { Verdict } from "../../datapath/verdict.ts";
import { ACK, ARP_REQUEST, PING, QUERY, SYN } from "./fixture.ts";
import {
  arpFrame,
  countingBytes,
  Flag,
  icmpFrame,
  ipv4Frame,
  tcpFrame,
  udpFrame,
  withVlanTag,
} from "./frame_builder.ts";
import { ICMP_FIXTURES } from "./icmp_fixtures.ts";
import { ACK6, EXTENSIONS, PING6, QUERY6, SOLICITATION, SYN6, TO_VIP6 } from "./ipv6_fixture.ts";
import {
  fragmentHeader,
  icmp6Frame,
  ipv6Frame,
  solicitationFrame,
  tcp6Frame,
  udp6Frame,
} from "./ipv6_frame_builder.ts";
import { IPV6_ERROR_FIXTURES } from "./ipv6_unsent_fixtures.ts";
import { Port, SERVER, SERVER6, SERVER_MAC, service, TAGGED_VIP, VIP6, VLAN } from "./test_network.ts";

/** Frames that come over and over, and how each of them ends. */
export interface Load {
  readonly description: string;
  readonly frame: Uint8Array;
  /** Comes after each `frame`, from the same client. */
  readonly follower?: Uint8Array;
  readonly verdict: keyof typeof Verdict;
  /** @default 1 */
  readonly clients?: number;
  readonly network?: { readonly services?: Parameters<typeof service>[2]; readonly maxConnections?: number };
  /** Opens the connection first, once for each client. */
  readonly opening?: Uint8Array;
  readonly isRateLimited?: boolean;
}

const FRAGMENT = ipv4Frame(
  { ...QUERY, moreFragments: true },
  17,
  udpFrame({ ...QUERY, payload: countingBytes(1_472) }).slice(34),
);
const LATER_FRAGMENT = ipv4Frame({ ...QUERY, fragmentOffset: 185 }, 17, countingBytes(600));

const DATAGRAM6 = udp6Frame({ ...QUERY6, payload: countingBytes(2_000) }).slice(54);
const FRAGMENT6 = ipv6Frame(
  { ...TO_VIP6, extensions: [fragmentHeader(0, true)] },
  17,
  DATAGRAM6.slice(0, 1_448),
);
const LATER_FRAGMENT6 = ipv6Frame(
  { ...TO_VIP6, extensions: [fragmentHeader(1_448, false)] },
  17,
  DATAGRAM6.slice(1_448),
);

export const LOADS: readonly Load[] = [
  {
    description: "SYNs of clients that a service denies",
    frame: tcpFrame(SYN),
    verdict: "DroppedDenied",
    clients: 10_000,
    network: {
      services: { deny: [{ address: "198.51.0.0", length: 16 }, { address: "10.0.0.0", length: 8 }] },
    },
  },
  {
    description: "datagrams of a source over its limit, each of which counts",
    frame: udpFrame(QUERY),
    verdict: "DroppedSourceLimit",
    network: {
      services: {
        onePacket: true,
        protocol: 17,
        ports: [{ first: Port.DNS, last: Port.DNS }],
        newConnectionsPerSource: 1,
      },
    },
  },
  {
    description: "datagrams that a limit and an allow list let in, each of which is scheduled",
    frame: udpFrame(QUERY),
    verdict: "Forwarded",
    clients: 100_000,
    network: {
      services: {
        onePacket: true,
        protocol: 17,
        ports: [{ first: Port.DNS, last: Port.DNS }],
        allow: [{ address: "198.51.0.0", length: 16 }],
        newConnectionsPerSource: 1_000_000,
      },
    },
  },
  { description: "one connection", opening: tcpFrame(SYN), frame: tcpFrame(ACK), verdict: "Forwarded" },
  {
    description: "10,000 connections",
    opening: tcpFrame(SYN),
    frame: tcpFrame({ ...ACK, payload: countingBytes(512) }),
    verdict: "Forwarded",
    clients: 10_000,
    network: { maxConnections: 20_000 },
  },
  {
    description: "merged segments with partial checksums",
    opening: tcpFrame(SYN),
    frame: tcpFrame({ ...ACK, payload: countingBytes(9_000), checksum: "partial" }),
    verdict: "Forwarded",
  },
  {
    description: "a new connection each, half-open ones making room",
    frame: tcpFrame(SYN),
    verdict: "Forwarded",
    clients: 1 << 20,
    network: { maxConnections: 10_000 },
  },
  ...(["rr", "wlc", "sh", "mh"] as const).map((scheduler): Load => ({
    description: `a new persistent connection each, with ${scheduler}`,
    frame: tcpFrame(SYN),
    verdict: "Forwarded",
    clients: 1 << 20,
    network: {
      services: { scheduler, persistenceMs: 300_000, persistencePrefix: 24 },
      maxConnections: 10_000,
    },
  })),
  {
    description: "one connection opened and reset over and over",
    opening: tcpFrame({ ...ACK, flags: Flag.RST }),
    frame: tcpFrame(SYN),
    verdict: "Forwarded",
  },
  { description: "datagrams", frame: udpFrame(QUERY), verdict: "Forwarded", clients: 5_000 },
  {
    description: "datagrams to cut",
    frame: udpFrame({ ...QUERY, dontFragment: false, payload: countingBytes(3_000) }),
    verdict: "ForwardedInFragments",
  },
  {
    description: "datagrams too large and not to be cut",
    frame: udpFrame({ ...QUERY, payload: countingBytes(3_000) }),
    verdict: "AnsweredTooBig",
  },
  {
    description: "fragments in order",
    frame: FRAGMENT,
    follower: LATER_FRAGMENT,
    verdict: "Forwarded",
    clients: 1 << 16,
  },
  {
    description: "fragments in reverse order",
    frame: LATER_FRAGMENT,
    follower: FRAGMENT,
    verdict: "Forwarded",
    clients: 1 << 16,
  },
  {
    description: "fragments without a first one",
    frame: LATER_FRAGMENT,
    verdict: "DroppedFragment",
    clients: 1 << 16,
  },
  {
    description: "datagrams of a one-packet service",
    frame: udpFrame({ ...QUERY, destinationPort: Port.ONE_PACKET }),
    verdict: "Forwarded",
    clients: 1 << 20,
  },
  { description: "ARP requests for the VIP", frame: arpFrame(ARP_REQUEST), verdict: "AnsweredArp" },
  {
    description: "ARP packets of a real server",
    frame: arpFrame({ ...ARP_REQUEST, senderAddress: SERVER, senderMac: SERVER_MAC, targetAddress: SERVER }),
    verdict: "LearntNeighbor",
  },
  { description: "pings", frame: icmpFrame(PING), verdict: "AnsweredEcho" },
  {
    description: "ICMP errors about a connection",
    opening: tcpFrame(SYN),
    frame: ICMP_FIXTURES[0]!.frame,
    verdict: "ForwardedIcmp",
  },
  { description: "segments of no connection", frame: tcpFrame(ACK), verdict: "AnsweredReset" },
  {
    description: "datagrams without a service",
    frame: udpFrame({ ...QUERY, destinationPort: 9 }),
    verdict: "AnsweredNoService",
  },
  {
    description: "answers that are due too often",
    frame: tcpFrame(ACK),
    verdict: "DroppedRateLimited",
    isRateLimited: true,
  },
  {
    description: "packets for others",
    frame: tcpFrame({ ...SYN, destination: "203.0.113.1" }),
    verdict: "IgnoredNotVip",
  },
  {
    description: "one connection over IPv6",
    opening: tcp6Frame(SYN6),
    frame: tcp6Frame(ACK6),
    verdict: "Forwarded",
  },
  {
    description: "one connection behind extension headers",
    opening: tcp6Frame(SYN6),
    frame: tcp6Frame({ ...ACK6, extensions: EXTENSIONS, checksum: "partial" }),
    verdict: "Forwarded",
  },
  {
    description: "10,000 connections over IPv6",
    opening: tcp6Frame(SYN6),
    frame: tcp6Frame({ ...ACK6, payload: countingBytes(512) }),
    verdict: "Forwarded",
    clients: 10_000,
    network: { maxConnections: 20_000 },
  },
  {
    description: "a new persistent connection over IPv6 each",
    frame: tcp6Frame(SYN6),
    verdict: "Forwarded",
    clients: 1 << 20,
    network: {
      services: { vip: VIP6, scheduler: "mh", persistenceMs: 300_000, persistencePrefix: 120 },
      maxConnections: 10_000,
    },
  },
  {
    description: "merged segments over IPv6 with partial checksums",
    opening: tcp6Frame(SYN6),
    frame: tcp6Frame({ ...ACK6, payload: countingBytes(9_000), checksum: "partial" }),
    verdict: "Forwarded",
  },
  {
    description: "fragments over IPv6 in order",
    frame: FRAGMENT6,
    follower: LATER_FRAGMENT6,
    verdict: "Forwarded",
    clients: 1 << 16,
  },
  {
    description: "fragments over IPv6 in reverse order",
    frame: LATER_FRAGMENT6,
    follower: FRAGMENT6,
    verdict: "Forwarded",
    clients: 1 << 16,
  },
  {
    description: "datagrams over IPv6 that are too large",
    frame: udp6Frame({ ...QUERY6, payload: countingBytes(3_000) }),
    verdict: "AnsweredTooBig",
  },
  {
    description: "neighbour solicitations for the VIP",
    frame: solicitationFrame(SOLICITATION),
    verdict: "AnsweredNdp",
  },
  {
    description: "neighbour messages of a real server",
    frame: solicitationFrame({ ...SOLICITATION, source: SERVER6, target: SERVER6, linkLayer: SERVER_MAC }),
    verdict: "LearntNeighbor",
  },
  { description: "pings over IPv6", frame: icmp6Frame(PING6), verdict: "AnsweredEcho" },
  {
    description: "ICMPv6 errors about a connection",
    opening: tcp6Frame(SYN6),
    frame: IPV6_ERROR_FIXTURES[0]!.frame,
    verdict: "ForwardedIcmp",
  },
  { description: "segments over IPv6 of no connection", frame: tcp6Frame(ACK6), verdict: "AnsweredReset" },
  ...([
    ["another VLAN", { destinationPort: Port.WEB_ELSEWHERE }],
    ["no VLAN", { destinationPort: Port.WEB_UNTAGGED }],
  ] as const).map(([where, changes]): Load => ({
    description: `connections from a VLAN into ${where}`,
    opening: withVlanTag(tcpFrame({ ...SYN, destination: TAGGED_VIP, ...changes }), VLAN),
    frame: withVlanTag(tcpFrame({ ...ACK, destination: TAGGED_VIP, ...changes }), VLAN),
    verdict: "Forwarded",
    clients: 10_000,
    network: { maxConnections: 20_000 },
  })),
  {
    description: "one connection from no VLAN into one",
    opening: tcpFrame({ ...SYN, destinationPort: Port.WEB_ELSEWHERE }),
    frame: tcpFrame({ ...ACK, destinationPort: Port.WEB_ELSEWHERE, checksum: "partial" }),
    verdict: "Forwarded",
  },
  {
    description: "malformed frames",
    frame: tcpFrame({ ...SYN, totalLength: 9 }),
    verdict: "DroppedMalformed",
  },
];
