/**
 * ICMP errors about packets that real servers have sent.
 *
 * @module
 */

import { connected, type Fixture, FORWARDED, PING, QUERY, SYN } from "./fixture.ts";
import { countingBytes, icmpFrame, type Ipv4Fields, ipv4Packet, udpFrame } from "./frame_builder.ts";
import { CLIENT, DIRECTOR, Port, server, service, SERVICES, VIP } from "./test_network.ts";

const ROUTER = "203.0.113.1";
const TCP = 6;
const UDP = 17;

const answer: Ipv4Fields = { ...SYN, source: VIP, destination: CLIENT, ttl: 61 };

/** Ports of an answer, and as much of what follows as makes 8 bytes. */
function transport(servicePort: number, clientPort = SYN.sourcePort): Uint8Array {
  return Uint8Array.of(servicePort >>> 8, servicePort & 255, clientPort >>> 8, clientPort & 255, 1, 2, 3, 4);
}

/** An error of the router's that quotes `packet`. */
function error(packet: Uint8Array, changes: Partial<typeof PING> & { code?: number } = {}) {
  return { ...PING, source: ROUTER, type: 3, code: 4, rest: 1400, payload: packet, ...changes };
}

const aboutWeb = ipv4Packet(answer, TCP, transport(Port.WEB));

const toServer: readonly Fixture[] = [
  ...([
    ["fragmentation needed", error(aboutWeb)],
    ["source quench", error(aboutWeb, { type: 4, code: 0, rest: 0 })],
    ["time exceeded", error(aboutWeb, { type: 11, code: 0, rest: 0 })],
    ["host unreachable, from the client itself", error(aboutWeb, { source: CLIENT, code: 1, rest: 0 })],
    [
      "error that quotes as much as RFC 1812 §4.3.2.3 wants",
      error(ipv4Packet(answer, TCP, Uint8Array.of(...transport(Port.WEB), ...countingBytes(520)))),
    ],
    [
      "error that quotes IP options",
      error(ipv4Packet({ ...answer, options: countingBytes(40) }, TCP, transport(Port.WEB))),
    ],
    [
      "error that quotes the first fragment of a packet",
      error(ipv4Packet({ ...answer, moreFragments: true }, TCP, transport(Port.WEB))),
    ],
  ] as const).map(([what, fields]): Fixture => ({
    description: `${what}: passed on whole`,
    before: connected(),
    frame: icmpFrame(fields),
    verdict: "ForwardedIcmp",
    out: icmpFrame({ ...fields, ...FORWARDED }),
  })),
  {
    description: "port unreachable about an answer over UDP",
    before: (network) => network.forward(udpFrame(QUERY)),
    frame: icmpFrame(error(ipv4Packet(answer, UDP, transport(Port.DNS)), { code: 3, rest: 0 })),
    verdict: "ForwardedIcmp",
    out: icmpFrame({
      ...error(ipv4Packet(answer, UDP, transport(Port.DNS)), { code: 3, rest: 0 }),
      ...FORWARDED,
    }),
  },
  {
    description: "error about an unknown connection of a hash scheduler",
    frame: icmpFrame(error(ipv4Packet(answer, TCP, transport(Port.SCHEDULES_UNKNOWN)))),
    verdict: "ForwardedIcmp",
    out: icmpFrame({
      ...error(ipv4Packet(answer, TCP, transport(Port.SCHEDULES_UNKNOWN))),
      ...FORWARDED,
    }),
  },
  {
    description: "error after too many answers: it is none",
    before: (network) => {
      connected()(network);
      network.forwarder.allowAnswers(0);
    },
    frame: icmpFrame(error(aboutWeb)),
    verdict: "ForwardedIcmp",
    out: icmpFrame({ ...error(aboutWeb), ...FORWARDED }),
  },
];

const malformed: readonly Fixture[] = ([
  ["quotes nothing", new Uint8Array()],
  ["quotes 19 bytes", aboutWeb.slice(0, 19)],
  ["quotes 7 bytes behind the IP header", aboutWeb.slice(0, 27)],
  ["quotes IP version 6", ipv4Packet({ ...answer, version: 6 }, TCP, transport(Port.WEB))],
  ["quotes an IP header of 16 bytes", ipv4Packet({ ...answer, headerWords: 4 }, TCP, transport(Port.WEB))],
  [
    "quotes an IP header longer than itself",
    ipv4Packet({ ...answer, headerWords: 15 }, TCP, transport(Port.WEB)),
  ],
] as const).map(([what, packet]): Fixture => ({
  description: `error that ${what}`,
  before: connected(),
  frame: icmpFrame(error(packet)),
  verdict: "DroppedMalformed",
}));

const unrelated: readonly Fixture[] = ([
  ["of no connection", ipv4Packet(answer, TCP, transport(Port.WEB, 9))],
  ["to another client", ipv4Packet({ ...answer, destination: DIRECTOR }, TCP, transport(Port.WEB))],
  ["that the VIP has not sent", ipv4Packet({ ...answer, source: DIRECTOR }, TCP, transport(Port.WEB))],
  ["on a port without a service", ipv4Packet(answer, TCP, transport(9))],
  ["over UDP where the service is TCP", ipv4Packet(answer, UDP, transport(Port.WEB))],
  ["over a protocol without ports", ipv4Packet(answer, 47, transport(Port.WEB))],
  [
    "without ports, as a later fragment",
    ipv4Packet({ ...answer, fragmentOffset: 1 }, TCP, transport(Port.WEB)),
  ],
  ["of a service that remembers no connections", ipv4Packet(answer, UDP, transport(Port.ONE_PACKET))],
] as const).map(([what, packet]): Fixture => ({
  description: `error about a packet ${what}`,
  before: connected(),
  frame: icmpFrame(error(packet)),
  verdict: "DroppedUnrelatedIcmp",
}));

const ended: readonly Fixture[] = [
  {
    description: "error about an unknown connection where unknown ones are scheduled, but by turns",
    before: (network) => network.adopt([service(TCP, Port.WEB, { unknown: "schedule" })]),
    frame: icmpFrame(error(aboutWeb)),
    verdict: "DroppedUnrelatedIcmp",
  },
  {
    description: "error with TTL 1: errors about errors are not made (RFC 1122 §3.2.2)",
    before: connected(),
    frame: icmpFrame({ ...error(aboutWeb), ttl: 1 }),
    verdict: "DroppedExpired",
  },
  {
    description: "error about a connection whose real server is down",
    before: (network) => {
      connected()(network);
      network.adopt(SERVICES.map((service) => ({ ...service, destinations: [server(true)] })));
    },
    frame: icmpFrame(error(aboutWeb)),
    verdict: "DroppedServerLost",
  },
  {
    description: "error about a connection whose real server's MAC was lost",
    before: (network) => {
      connected()(network);
      network.loseServer();
    },
    frame: icmpFrame(error(aboutWeb)),
    verdict: "DroppedUnresolved",
  },
];

export const ICMP_FIXTURES: readonly Fixture[] = [...toServer, ...malformed, ...unrelated, ...ended];
