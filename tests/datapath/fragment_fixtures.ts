/**
 * Packets in pieces, and packets that must be cut into some.
 *
 * @module
 */

import { type Fixture, FORWARDED, QUERY, SYN } from "./fixture.ts";
import { concat, countingBytes, type Ipv4Fields, ipv4Frame, tcpFrame, udpFrame } from "./frame_builder.ts";
import { CLIENT_MAC, DIRECTOR_MAC, server, SERVICES, type TestNetwork } from "./test_network.ts";

const UDP = 17;
const IP_BYTES = 20;

/** A loose source route, which every fragment carries, between a record route and a timestamp, which only the first does. */
const OPTIONS = Uint8Array.of(7, 3, 4, 0x83, 7, 4, 192, 0, 2, 1, 1, 68, 4, 5, 0, 0);
const OPTIONS_LATER = Uint8Array.of(1, 1, 1, 0x83, 7, 4, 192, 0, 2, 1, 1, 1, 1, 1, 1, 0).fill(0, 15);

const fields: Ipv4Fields = { ...QUERY, dontFragment: false, identification: 0x1234, typeOfService: 0xb9 };

/** The datagram that a UDP frame without IP options holds. */
function datagramOf(frame: Uint8Array): Uint8Array {
  return frame.slice(14 + IP_BYTES);
}

const large = { ...QUERY, ...fields, payload: countingBytes(3_000) };
const datagram = datagramOf(udpFrame(large));

function piece(from: number, to: number, changes: Partial<Ipv4Fields> = {}): Uint8Array {
  const place = { fragmentOffset: from / 8, moreFragments: to < datagram.length };
  return ipv4Frame({ ...fields, ...FORWARDED, ...place, ...changes }, UDP, datagram.slice(from, to));
}

const cut: readonly Fixture[] = [
  {
    description: "datagram of 3,008 bytes that may be cut",
    frame: udpFrame(large),
    verdict: "ForwardedInFragments",
    ahead: [piece(0, 1480), piece(1480, 2960)],
    out: piece(2960, 3008),
  },
  {
    description: "datagram of 3,008 bytes with a partial checksum, which is completed",
    frame: udpFrame({ ...large, checksum: "partial" }),
    verdict: "ForwardedInFragments",
    ahead: [piece(0, 1480), piece(1480, 2960)],
    out: piece(2960, 3008),
  },
  {
    description: "datagram with IP options, some of them for the first fragment alone",
    frame: udpFrame({ ...large, options: OPTIONS }),
    verdict: "ForwardedInFragments",
    ahead: [
      piece(0, 1464, { options: OPTIONS }),
      piece(1464, 2928, { options: OPTIONS_LATER }),
    ],
    out: piece(2928, 3008, { options: OPTIONS_LATER }),
  },
  {
    description: "datagram of exactly two fragments",
    frame: udpFrame({ ...large, payload: countingBytes(2_952) }),
    verdict: "ForwardedInFragments",
    ...inTwo(udpFrame({ ...large, payload: countingBytes(2_952) })),
  },
  {
    description: "bytes behind a datagram that is cut are no part of it",
    frame: concat(udpFrame({ ...large, payload: countingBytes(2_952) }), countingBytes(50)),
    verdict: "ForwardedInFragments",
    ...inTwo(udpFrame({ ...large, payload: countingBytes(2_952) })),
  },
];

/** A fragment of {@linkcode datagram} as the client sends it. */
function arriving(from: number, to: number, changes: Partial<Ipv4Fields> = {}): Uint8Array {
  return piece(from, to, { from: CLIENT_MAC, to: DIRECTOR_MAC, ttl: 64, ...changes });
}

const firstArrived = (network: TestNetwork) => network.forward(arriving(0, 1480));

const pieces: readonly Fixture[] = [
  {
    description: "first fragment of a datagram",
    frame: arriving(0, 1480),
    verdict: "Forwarded",
    out: piece(0, 1480),
  },
  {
    description: "first fragment of a segment, with the whole of its header",
    frame: tcpFrame({ ...SYN, moreFragments: true, payload: countingBytes(4) }),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...FORWARDED, moreFragments: true, payload: countingBytes(4) }),
  },
  {
    description: "fragment in the middle, after the first",
    before: firstArrived,
    frame: arriving(1480, 2960),
    verdict: "Forwarded",
    out: piece(1480, 2960),
  },
  {
    description: "last fragment, padded, before the one in the middle",
    before: firstArrived,
    frame: arriving(2960, 3008, { paddedTo: 90 }),
    verdict: "Forwarded",
    out: piece(2960, 3008, { paddedTo: 90 }),
  },
  {
    description: "later fragment whose first bytes look like a partial checksum and ports",
    before: firstArrived,
    frame: ipv4Frame({ ...fields, fragmentOffset: 185 }, UDP, datagram.slice(0, 40)),
    verdict: "Forwarded",
    out: ipv4Frame({ ...fields, ...FORWARDED, fragmentOffset: 185 }, UDP, datagram.slice(0, 40)),
  },
  {
    description: "fragment larger than the MTU is cut further",
    before: firstArrived,
    frame: arriving(1480, 2968),
    verdict: "ForwardedInFragments",
    ahead: [piece(1480, 2960)],
    out: piece(2960, 2968, { moreFragments: true }),
  },
  {
    description: "fragment larger than the MTU that must not be cut",
    before: firstArrived,
    frame: arriving(1480, 2968, { dontFragment: true }),
    verdict: "DroppedOversized",
  },
  {
    description: "later fragment with TTL 1 gets no answer (RFC 1122 §3.2.2)",
    before: firstArrived,
    frame: arriving(1480, 2960, { ttl: 1 }),
    verdict: "DroppedExpired",
  },
  {
    description: "later fragment of a packet whose real server went down",
    before: (network) => {
      firstArrived(network);
      network.adopt(SERVICES.map((service) => ({ ...service, destinations: [server(true)] })));
    },
    frame: arriving(1480, 2960),
    verdict: "DroppedServerLost",
  },
  {
    description: "later fragment of a packet whose real server's MAC was lost",
    before: (network) => {
      firstArrived(network);
      network.loseServer();
    },
    frame: arriving(1480, 2960),
    verdict: "DroppedUnresolved",
  },
  {
    description: "later fragment of a protocol without ports",
    frame: ipv4Frame({ ...fields, fragmentOffset: 185 }, 47, countingBytes(40)),
    verdict: "DroppedNoService",
  },
  ...([
    ["overlaps the first", arriving(1472, 2952)],
    ["lies within the first (teardrop)", arriving(8, 16)],
    ["is empty", ipv4Frame({ ...fields, fragmentOffset: 200 }, UDP, new Uint8Array())],
    ["is not the last and ends inside a unit", arriving(1480, 1489)],
    ["ends above 65,535 bytes", ipv4Frame({ ...fields, fragmentOffset: 8_191 }, UDP, countingBytes(8))],
  ] as const).map(([what, frame]): Fixture => ({
    description: `fragment that ${what}`,
    before: firstArrived,
    frame,
    verdict: "DroppedMalformed",
  })),
  {
    description: "first fragment without the whole TCP header (RFC 1858 §3)",
    frame: ipv4Frame({ ...SYN, moreFragments: true }, 6, tcpFrame(SYN).slice(34, 50)),
    verdict: "DroppedMalformed",
  },
  {
    description: "fragment that finds sixteen packets waiting",
    before: (network) => {
      for (let identification = 0; identification < 16; identification++) {
        network.forward(arriving(1480, 2960, { identification }));
      }
    },
    frame: arriving(1480, 2960, { identification: 16 }),
    verdict: "DroppedFragment",
  },
  {
    description: "fragment of a packet that 64 KiB wait for",
    before: (network) => {
      for (let count = 0; count < 43; count++) network.forward(arriving(1480, 2960));
    },
    frame: arriving(1480, 2960),
    verdict: "DroppedFragment",
  },
  {
    description: "fragment of a packet that 64 fragments wait for",
    before: (network) => {
      for (let count = 0; count < 64; count++) network.forward(arriving(1480, 1488));
    },
    frame: arriving(1480, 1488),
    verdict: "DroppedFragment",
  },
];

function inTwo(frame: Uint8Array): { ahead: Uint8Array[]; out: Uint8Array } {
  const whole = datagramOf(frame);
  const sent = { ...fields, ...FORWARDED };
  return {
    ahead: [ipv4Frame({ ...sent, moreFragments: true }, UDP, whole.slice(0, 1480))],
    out: ipv4Frame({ ...sent, fragmentOffset: 185 }, UDP, whole.slice(1480)),
  };
}

export const FRAGMENT_FIXTURES: readonly Fixture[] = [...cut, ...pieces];
