/**
 * Frames that lead to nothing being sent.
 *
 * @module
 */

import { ACK, ARP_REQUEST, connected, type Fixture, PING, QUERY, SYN } from "./fixture.ts";
import {
  arpFrame,
  BROADCAST_MAC,
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
import {
  CLIENT_MAC,
  DIRECTOR,
  DIRECTOR_MAC,
  Port,
  SERVER,
  server,
  SERVER_MAC,
  service,
  SERVICES,
  type TestNetwork,
  VIP,
  VLAN,
} from "./test_network.ts";

const OTHER_MAC = "00:00:5e:00:53:77";
const IPV4_MULTICAST_MAC = "01:00:5e:00:00:12";

const ignored: readonly Fixture[] = [
  {
    description: "ARP reply of a real server",
    frame: arpFrame({
      from: SERVER_MAC,
      to: DIRECTOR_MAC,
      operation: "reply",
      senderMac: SERVER_MAC,
      senderAddress: SERVER,
      targetMac: DIRECTOR_MAC,
      targetAddress: DIRECTOR,
    }),
    verdict: "LearntNeighbor",
  },
  {
    description: "ARP request of a real server for somebody else",
    frame: arpFrame({
      ...ARP_REQUEST,
      from: SERVER_MAC,
      senderMac: SERVER_MAC,
      senderAddress: SERVER,
      targetAddress: "192.0.2.1",
    }),
    verdict: "LearntNeighbor",
  },
  {
    description: "ARP request for an address that is no VIP",
    frame: arpFrame({ ...ARP_REQUEST, targetAddress: "192.0.2.11" }),
    verdict: "IgnoredArp",
  },
  {
    description: "ARP reply about the VIP",
    frame: arpFrame({ ...ARP_REQUEST, operation: "reply" }),
    verdict: "IgnoredArp",
  },
  {
    description: "RARP-like operation",
    frame: arpFrame({ ...ARP_REQUEST, operation: 3 }),
    verdict: "IgnoredArp",
  },
  {
    description: "ARP for another kind of hardware",
    frame: arpFrame({ ...ARP_REQUEST, hardwareType: 6 }),
    verdict: "IgnoredArp",
  },
  {
    description: "ARP one byte too short",
    frame: arpFrame(ARP_REQUEST).slice(0, 41),
    verdict: "IgnoredArp",
  },
  {
    description: "ARP that gives a real server a multicast MAC",
    frame: arpFrame({
      ...ARP_REQUEST,
      senderAddress: SERVER,
      senderMac: BROADCAST_MAC,
      targetAddress: SERVER,
    }),
    verdict: "IgnoredArp",
  },
  {
    description: "ARP that gives a real server no MAC",
    frame: arpFrame({
      ...ARP_REQUEST,
      senderAddress: SERVER,
      senderMac: "00:00:00:00:00:00",
      targetAddress: SERVER,
    }),
    verdict: "IgnoredArp",
  },
  {
    description: "two VLAN tags",
    frame: withVlanTag(withVlanTag(tcpFrame(SYN), VLAN), VLAN),
    verdict: "IgnoredProtocol",
  },
  {
    description: "SYN for the VIP in a VLAN that it is not in",
    frame: withVlanTag(tcpFrame(SYN), VLAN),
    verdict: "IgnoredOtherVlan",
  },
  {
    description: "ARP request for the VIP in a VLAN that it is not in",
    frame: withVlanTag(arpFrame(ARP_REQUEST), VLAN),
    verdict: "IgnoredArp",
  },
  {
    description: "header of 14 bytes and nothing else",
    frame: ethernetFrame(SYN, 0x88cc, new Uint8Array()),
    verdict: "IgnoredProtocol",
  },
  {
    description: "packet for an address that is no VIP",
    frame: tcpFrame({ ...SYN, destination: DIRECTOR }),
    verdict: "IgnoredNotVip",
  },
  ...[BROADCAST_MAC, IPV4_MULTICAST_MAC].flatMap((to): Fixture[] => [
    {
      description: `SYN for the VIP in a frame to ${to}`,
      frame: tcpFrame({ ...SYN, to }),
      verdict: "IgnoredGroupDestination",
    },
    {
      description: `ping of the VIP in a frame to ${to} (RFC 1122 §3.2.2.6)`,
      frame: icmpFrame({ ...PING, to }),
      verdict: "IgnoredGroupDestination",
    },
  ]),
  {
    description: "our own frame that came back",
    frame: tcpFrame({ ...SYN, from: DIRECTOR_MAC, to: SERVER_MAC }),
    verdict: "IgnoredOwnSource",
  },
  {
    description: "our own announcement that came back",
    frame: arpFrame({ ...ARP_REQUEST, from: DIRECTOR_MAC, senderAddress: VIP }),
    verdict: "IgnoredOwnSource",
  },
  {
    description: "frame for another host",
    frame: tcpFrame({ ...SYN, to: OTHER_MAC }),
    verdict: "IgnoredOtherHost",
  },
  {
    description: "ARP request for the VIP to another host",
    frame: arpFrame({ ...ARP_REQUEST, to: OTHER_MAC }),
    verdict: "IgnoredOtherHost",
  },
  ...[0, 5, 12, 13].map((type): Fixture => ({
    description: `ICMP type ${type}`,
    frame: icmpFrame({ ...PING, type, payload: ipv4Packet(SYN, 6, countingBytes(8)) }),
    verdict: "IgnoredIcmp",
  })),
];

/** A valid frame with its end cut off. */
const cut = (length: number) => tcpFrame(SYN).slice(0, length);

const malformed: readonly Fixture[] = [
  { description: "frame cut by the capture", frame: new Uint8Array(), verdict: "DroppedTruncated" },
  ...[1, 13, 14, 33, 34, 53].map((length): Fixture => ({
    description: `SYN cut to ${length} bytes`,
    frame: cut(length),
    verdict: "DroppedMalformed",
  })),
  ...[
    ["a group address as Ethernet source", tcpFrame({ ...SYN, from: "01:00:5e:00:53:64" })],
    ["IP version 6 in an IPv4 frame", tcpFrame({ ...SYN, version: 6 })],
    ["an IP header of 16 bytes", tcpFrame({ ...SYN, headerWords: 4 })],
    ["an IP header of 60 bytes in a packet of 40", tcpFrame({ ...SYN, headerWords: 15 })],
    ["a total length below the IP header", tcpFrame({ ...SYN, totalLength: 19 })],
    ["a total length that ends inside the TCP header", tcpFrame({ ...SYN, totalLength: 39 })],
    ["a total length above the frame", tcpFrame({ ...SYN, totalLength: 41 })],
    ["a total length of zero, as of a packet above 64 KiB", tcpFrame({ ...SYN, totalLength: 0 })],
    ["source 0.0.0.0", tcpFrame({ ...SYN, source: "0.0.0.0" })],
    ["source 127.0.0.1", icmpFrame({ ...PING, source: "127.0.0.1" })],
    ["a multicast source", icmpFrame({ ...PING, source: "224.0.0.1" })],
    ["source 255.255.255.255", udpFrame({ ...QUERY, source: "255.255.255.255" })],
    ["a TCP header of 16 bytes", tcpFrame({ ...SYN, tcpHeaderWords: 4 })],
    ["a TCP header that ends behind the packet", tcpFrame({ ...SYN, tcpHeaderWords: 6, paddedTo: 60 })],
    ["a UDP packet of 7 bytes", ipv4Frame(QUERY, 17, countingBytes(7))],
    ["a UDP length below its header", udpFrame({ ...QUERY, udpLength: 7 })],
    ["a UDP length above the packet", udpFrame({ ...QUERY, udpLength: 39, paddedTo: 100 })],
    ["an ICMP message of 7 bytes", ipv4Frame(PING, 1, Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0))],
  ].map(([what, frame]): Fixture => ({
    description: `frame with ${what}`,
    frame: frame as Uint8Array,
    verdict: "DroppedMalformed",
  })),
];

const dropped: readonly Fixture[] = [
  {
    description: "fragment of a ping",
    frame: icmpFrame({ ...PING, moreFragments: true }),
    verdict: "DroppedFragment",
  },
  {
    description: "ping larger than the MTU",
    frame: icmpFrame({ ...PING, payload: countingBytes(1_473) }),
    verdict: "DroppedOversized",
  },
  {
    description: "datagram larger than the MTU with a damaged header: no fragment of it may look intact",
    frame: damaged(udpFrame({ ...QUERY, dontFragment: false, payload: countingBytes(1_473) })),
    verdict: "DroppedMalformed",
  },
  {
    description: "protocol that is neither TCP nor UDP nor ICMP",
    frame: ipv4Frame(QUERY, 47, countingBytes(20)),
    verdict: "DroppedNoService",
  },
  {
    description: "ACK of no connection where the service keeps silent",
    frame: tcpFrame({ ...ACK, destinationPort: Port.DROPS_UNKNOWN }),
    verdict: "DroppedNoConnection",
  },
  {
    description: "RST of no connection is never answered by a RST",
    frame: tcpFrame({ ...ACK, flags: Flag.RST | Flag.ACK }),
    verdict: "DroppedNoConnection",
  },
  {
    description: "RST to a port without a service",
    frame: tcpFrame({ ...ACK, flags: Flag.RST, destinationPort: 9 }),
    verdict: "DroppedNoService",
  },
  {
    description: "SYN to a service whose health is not known yet: the client tries again",
    frame: tcpFrame({ ...SYN, destinationPort: Port.SETTLING }),
    verdict: "DroppedNoServer",
  },
  {
    description: "segment of a connection whose real server went down, where the service keeps silent",
    before: (network) => {
      connected(Port.DROPS_LOST)(network);
      network.adopt(SERVICES.map((service) => ({ ...service, destinations: [server(true)] })));
    },
    frame: tcpFrame({ ...ACK, destinationPort: Port.DROPS_LOST }),
    verdict: "DroppedServerLost",
  },
  {
    description: "segment of a connection whose real server's MAC was lost",
    before: (network) => {
      connected()(network);
      network.loseServer();
    },
    frame: tcpFrame(ACK),
    verdict: "DroppedUnresolved",
  },
  {
    description: "SYN when the table is full of established connections",
    before: fillTable,
    frame: tcpFrame(SYN),
    verdict: "DroppedTableFull",
  },
  {
    description: "SYN of a client that may not use the service",
    before: (network) => {
      const deny = [{ address: "198.51.100.0", length: 24 }];
      network.adopt([service(6, Port.WEB, { deny })]);
    },
    frame: tcpFrame(SYN),
    verdict: "DroppedDenied",
  },
  {
    description: "SYN of a client that has opened too many connections this second",
    before: (network) => {
      network.adopt([service(6, Port.WEB, { newConnectionsPerSource: 1 })]);
      for (const sourcePort of [1, 2]) network.forward(tcpFrame({ ...SYN, sourcePort }));
    },
    frame: tcpFrame(SYN),
    verdict: "DroppedSourceLimit",
  },
  ...([
    ["ping", icmpFrame(PING)],
    ["segment of no connection", tcpFrame(ACK)],
    ["datagram without a service", udpFrame({ ...QUERY, destinationPort: 9 })],
    ["SYN with TTL 1", tcpFrame({ ...SYN, ttl: 1 })],
    ["datagram that is too large", udpFrame({ ...QUERY, payload: countingBytes(1_473) })],
  ] as const).map(([what, frame]): Fixture => ({
    description: `${what} after too many answers`,
    before: (network) => network.forwarder.allowAnswers(0),
    frame,
    verdict: "DroppedRateLimited",
  })),
];

/** A frame whose IP header no router would accept. */
function damaged(frame: Uint8Array): Uint8Array {
  frame[24]! ^= 1;
  return frame;
}

function fillTable(network: TestNetwork): void {
  for (let sourcePort = 1; sourcePort <= network.connections.maximum; sourcePort++) {
    for (const segment of [SYN, ACK]) network.forward(tcpFrame({ ...segment, from: CLIENT_MAC, sourcePort }));
  }
}

export const UNSENT_FIXTURES: readonly Fixture[] = [...ignored, ...malformed, ...dropped];
