/**
 * ICMPv6 errors, and frames over IPv6 that lead to nothing being sent.
 *
 * @module
 */

import { type Fixture } from "./fixture.ts";
import { BROADCAST_MAC, concat, countingBytes, ethernetFrame, words16 } from "./frame_builder.ts";
import {
  ACK6,
  ANSWERED6,
  connected6,
  EXTENSIONS,
  FIRST,
  FORWARDED6,
  PING6,
  QUERY6,
  SYN6,
  TO_VIP6,
} from "./ipv6_fixture.ts";
import {
  type Extension,
  fragmentHeader,
  icmp6Frame,
  type Ipv6Fields,
  ipv6Frame,
  ipv6Packet,
  Next,
  optionsHeader,
  routingHeader,
  tcp6Frame,
  udp6Frame,
} from "./ipv6_frame_builder.ts";
import { DIRECTOR_MAC, MTU, Port, SERVER6, SERVER_MAC, SERVICES, VIP6 } from "./test_network.ts";

/** A packet of the connection of {@linkcode SYN6} as the real server has sent it. */
function sent(
  changes: Partial<Ipv6Fields> = {},
  protocol: number = Next.TCP,
  port: number = Port.WEB,
): Uint8Array {
  const ports = words16(port, SYN6.sourcePort);
  return ipv6Packet(
    { ...ANSWERED6, ...changes },
    protocol,
    concat(ports, countingBytes(1_000)),
  );
}

const about = { ...TO_VIP6, source: "2001:db8:2::1", rest: 1_400 };
const errorAbout = (payload: Uint8Array, type = 2): Uint8Array => icmp6Frame({ ...about, type, payload });

const icmp: readonly Fixture[] = [
  ...[1, 2, 3, 4].map((type): Fixture => ({
    description: `ICMPv6 error of type ${type} about a connection`,
    before: connected6,
    frame: errorAbout(sent(), type),
    verdict: "ForwardedIcmp",
    out: icmp6Frame({ ...about, ...FORWARDED6, type, payload: sent() }),
  })),
  {
    description: "ICMPv6 error about a first fragment behind a destination option",
    before: connected6,
    frame: errorAbout(sent({ extensions: [optionsHeader(Next.DESTINATION_OPTIONS), FIRST] })),
    verdict: "ForwardedIcmp",
    out: icmp6Frame({
      ...about,
      ...FORWARDED6,
      type: 2,
      payload: sent({ extensions: [optionsHeader(Next.DESTINATION_OPTIONS), FIRST] }),
    }),
  },
  {
    description: "ICMPv6 error about an unknown connection that the scheduler picks as before",
    frame: errorAbout(sent({}, Next.TCP, Port.SCHEDULES_UNKNOWN)),
    verdict: "ForwardedIcmp",
    out: icmp6Frame({
      ...about,
      ...FORWARDED6,
      type: 2,
      payload: sent({}, Next.TCP, Port.SCHEDULES_UNKNOWN),
    }),
  },
  ...([
    ["no known connection", sent()],
    ["a later fragment", sent({ extensions: [fragmentHeader(8, true)] })],
    ["a packet from another address", sent({ source: SERVER6 })],
    ["a packet of another protocol", sent({}, Next.ICMPV6)],
    ["a port without a service", sent({}, Next.TCP, 9)],
  ] as const).map(([what, payload]): Fixture => ({
    description: `ICMPv6 error about ${what}`,
    frame: errorAbout(payload),
    verdict: "DroppedUnrelatedIcmp",
  })),
  ...([
    ["that quotes 39 bytes", sent().slice(0, 39)],
    ["that quotes half of the ports", sent().slice(0, 42)],
    ["that quotes IPv4", concat([0x45], sent().slice(1))],
    ["whose quote ends in an extension header", sent({ extensions: EXTENSIONS }).slice(0, 70)],
  ] as const).map(([what, payload]): Fixture => ({
    description: `ICMPv6 error ${what}`,
    frame: errorAbout(payload),
    verdict: "DroppedMalformed",
  })),
  {
    description: "ICMPv6 error whose hop limit ran out",
    before: connected6,
    frame: icmp6Frame({ ...about, hopLimit: 1, type: 2, payload: sent() }),
    verdict: "DroppedExpired",
  },
  ...[129, 130, 133, 134, 137].map((type): Fixture => ({
    description: `ICMPv6 type ${type}`,
    frame: icmp6Frame({ ...PING6, type }),
    verdict: "IgnoredIcmp",
  })),
];

const unsent: readonly Fixture[] = [
  {
    description: "packet over IPv6 for an address that is no VIP",
    frame: tcp6Frame({ ...SYN6, destination: "2001:db8::11" }),
    verdict: "IgnoredNotVip",
  },
  {
    description: "SYN for the VIP over IPv6 in a multicast frame",
    frame: tcp6Frame({ ...SYN6, to: "33:33:00:00:00:01" }),
    verdict: "IgnoredGroupDestination",
  },
  {
    description: "SYN for the VIP over IPv6 in a broadcast frame",
    frame: tcp6Frame({ ...SYN6, to: BROADCAST_MAC }),
    verdict: "IgnoredGroupDestination",
  },
  {
    description: "our own frame over IPv6 that came back",
    frame: tcp6Frame({ ...SYN6, from: DIRECTOR_MAC, to: SERVER_MAC }),
    verdict: "IgnoredOwnSource",
  },
  ...([
    ["an IPv6 header of 39 bytes", tcp6Frame(SYN6).slice(0, 53)],
    ["IP version 4 in an IPv6 frame", tcp6Frame({ ...SYN6, version: 4 })],
    ["an IPv6 packet above the frame", tcp6Frame({ ...SYN6, payloadLength: 21 })],
    ["an IPv6 packet that ends inside the TCP header", tcp6Frame({ ...SYN6, payloadLength: 19 })],
    [
      "nothing behind the IPv6 header",
      ethernetFrame(SYN6, 0x86dd, ipv6Packet(SYN6, Next.TCP, countingBytes(0))),
    ],
    [
      "the payload length of a jumbogram",
      tcp6Frame({
        ...SYN6,
        payloadLength: 0,
        extensions: [optionsHeader(Next.HOP_BY_HOP)],
      }),
    ],
    ["a route that goes on elsewhere", tcp6Frame({ ...SYN6, extensions: [routingHeader(1)] })],
    [
      "nine extension headers",
      tcp6Frame({
        ...SYN6,
        extensions: new Array<Extension>(9).fill(optionsHeader(Next.DESTINATION_OPTIONS)),
      }),
    ],
    [
      "an extension header that ends behind the packet",
      tcp6Frame({
        ...SYN6,
        extensions: [{ type: Next.DESTINATION_OPTIONS, bytes: Uint8Array.of(0, 4, 0, 0, 0, 0, 0, 0) }],
      }),
    ],
    ...["::", "::1", "ff02::1", "::ffff:198.51.100.7", "fe80::7"].map((source) =>
      [`source ${source}`, tcp6Frame({ ...SYN6, source })] as const
    ),
    ["an ICMPv6 message of 7 bytes", ipv6Frame(PING6, Next.ICMPV6, countingBytes(7).fill(128, 0, 1))],
    ["a UDP length above the IPv6 packet", udp6Frame({ ...QUERY6, udpLength: 39, paddedTo: 120 })],
  ] as const).map(([what, frame]): Fixture => ({
    description: `frame with ${what}`,
    frame,
    verdict: "DroppedMalformed",
  })),
  {
    description: "packet over IPv6 with nothing in it",
    frame: ipv6Frame(TO_VIP6, Next.NOTHING, new Uint8Array()),
    verdict: "DroppedNoService",
  },
  {
    description: "ESP over IPv6",
    frame: ipv6Frame(TO_VIP6, 50, countingBytes(40)),
    verdict: "DroppedNoService",
  },
  {
    description: "fragment of a ping over IPv6",
    frame: icmp6Frame({ ...PING6, extensions: [FIRST] }),
    verdict: "DroppedFragment",
  },
  {
    description: "ping over IPv6 larger than the MTU",
    frame: icmp6Frame({ ...PING6, payload: countingBytes(MTU - 47) }),
    verdict: "DroppedOversized",
  },
  {
    description: "first fragment over IPv6 of a size that others cannot follow",
    frame: udp6Frame({ ...QUERY6, payload: countingBytes(31), extensions: [FIRST] }),
    verdict: "DroppedMalformed",
  },
  {
    description: "segment over IPv6 of a connection whose real server's MAC was lost",
    before: (network) => {
      connected6(network);
      network.loseServer();
    },
    frame: tcp6Frame(ACK6),
    verdict: "DroppedUnresolved",
  },
  {
    description: "segment over IPv6 of a connection whose service is gone",
    before: (network) => {
      connected6(network);
      network.adopt(SERVICES.filter(({ vip }) => vip !== VIP6));
    },
    frame: tcp6Frame(ACK6),
    verdict: "IgnoredNotVip",
  },
  {
    description: "ping over IPv6 after too many answers",
    before: (network) => network.forwarder.allowAnswers(0),
    frame: icmp6Frame(PING6),
    verdict: "DroppedRateLimited",
  },
];

export const IPV6_ERROR_FIXTURES: readonly Fixture[] = icmp;
export const IPV6_UNSENT_FIXTURES: readonly Fixture[] = unsent;
