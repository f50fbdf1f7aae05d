/**
 * Frames with an IEEE 802.1Q tag, and frames that get or lose one.
 *
 * @module
 */

import { ARP_REQUEST, type Fixture, FORWARDED, PING, QUERY, SYN, virtioHeader } from "./fixture.ts";
import {
  arpFrame,
  countingBytes,
  icmpFrame,
  ipv4Frame,
  tcpFrame,
  udpFrame,
  withVlanTag,
} from "./frame_builder.ts";
import { FORWARDED6, SOLICITATION, SYN6 } from "./ipv6_fixture.ts";
import { advertisementFrame, solicitationFrame, solicitedNode, tcp6Frame } from "./ipv6_frame_builder.ts";
import {
  CLIENT,
  CLIENT_MAC,
  DIRECTOR_MAC,
  MTU,
  OTHER_VLAN,
  Port,
  SERVER,
  SERVER_MAC,
  TAGGED_VIP,
  TAGGED_VIP6,
  type TestNetwork,
  VIP,
  VLAN,
} from "./test_network.ts";

/** Priority 5 and "may be dropped", which stay. */
const PRIORITY = 0xb000;
const NEEDS_CHECKSUM = 1;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;
const TAGGED_HEADERS = 14 + 4 + 20;

const tagged = { destination: TAGGED_VIP };
const elsewhere = { ...tagged, destinationPort: Port.WEB_ELSEWHERE };
const untagged = { ...tagged, destinationPort: Port.WEB_UNTAGGED };

/** Opens a connection with the tagged VIP. */
function connected(destinationPort: number): (network: TestNetwork) => void {
  return (network) => {
    network.forward(withVlanTag(tcpFrame({ ...SYN, ...tagged, destinationPort }), VLAN));
  };
}

const large = { ...QUERY, ...tagged, dontFragment: false, destinationPort: Port.DNS_ELSEWHERE };
const datagram = udpFrame({ ...large, payload: countingBytes(3_000) }).slice(34);
const piece = (from: number, to: number) =>
  withVlanTag(
    ipv4Frame(
      { ...large, ...FORWARDED, fragmentOffset: from / 8, moreFragments: to < datagram.length },
      17,
      datagram.slice(from, to),
    ),
    OTHER_VLAN,
  );

const forwarded: readonly Fixture[] = [
  {
    description: "SYN in the VLAN of VIP and real server: the tag stays as it is",
    frame: withVlanTag(tcpFrame({ ...SYN, ...tagged }), PRIORITY | VLAN),
    verdict: "Forwarded",
    out: withVlanTag(tcpFrame({ ...SYN, ...tagged, ...FORWARDED }), PRIORITY | VLAN),
  },
  {
    description: "SYN for a real server in another VLAN than the VIP: the priority stays",
    frame: withVlanTag(tcpFrame({ ...SYN, ...elsewhere }), PRIORITY | VLAN),
    verdict: "Forwarded",
    out: withVlanTag(tcpFrame({ ...SYN, ...elsewhere, ...FORWARDED }), PRIORITY | OTHER_VLAN),
  },
  {
    description: "SYN in a VLAN for a real server in none: the tag goes",
    frame: withVlanTag(tcpFrame({ ...SYN, ...untagged }), PRIORITY | VLAN),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...untagged, ...FORWARDED }),
  },
  {
    description: "SYN in no VLAN for a real server in one: a tag comes",
    frame: tcpFrame({ ...SYN, destinationPort: Port.WEB_ELSEWHERE }),
    verdict: "Forwarded",
    out: withVlanTag(tcpFrame({ ...SYN, destinationPort: Port.WEB_ELSEWHERE, ...FORWARDED }), OTHER_VLAN),
  },
  {
    description: "SYN with a tag that holds a priority only, which is in no VLAN",
    frame: withVlanTag(tcpFrame(SYN), PRIORITY),
    verdict: "Forwarded",
    out: withVlanTag(tcpFrame({ ...SYN, ...FORWARDED }), PRIORITY),
  },
  {
    description: "SYN with a tag that holds a priority only, for a real server in a VLAN",
    frame: withVlanTag(tcpFrame({ ...SYN, destinationPort: Port.WEB_ELSEWHERE }), PRIORITY),
    verdict: "Forwarded",
    out: withVlanTag(
      tcpFrame({ ...SYN, destinationPort: Port.WEB_ELSEWHERE, ...FORWARDED }),
      PRIORITY | OTHER_VLAN,
    ),
  },
  {
    description: "SYN over IPv6 in one VLAN for a real server in another",
    frame: withVlanTag(
      tcp6Frame({ ...SYN6, destination: TAGGED_VIP6, destinationPort: Port.WEB_ELSEWHERE }),
      VLAN,
    ),
    verdict: "Forwarded",
    out: withVlanTag(
      tcp6Frame({ ...SYN6, destination: TAGGED_VIP6, destinationPort: Port.WEB_ELSEWHERE, ...FORWARDED6 }),
      OTHER_VLAN,
    ),
  },
  {
    description: "TCP with a partial checksum behind a tag that stays",
    frame: withVlanTag(tcpFrame({ ...SYN, ...tagged, checksum: "partial" }), VLAN),
    verdict: "Forwarded",
    out: withVlanTag(tcpFrame({ ...SYN, ...tagged, ...FORWARDED, checksum: "partial" }), VLAN),
    described: virtioHeader({
      flags: NEEDS_CHECKSUM,
      checksumStart: TAGGED_HEADERS,
      checksumOffset: 16,
    }),
  },
  {
    description: "TCP with a partial checksum that loses its tag",
    frame: withVlanTag(tcpFrame({ ...SYN, ...untagged, checksum: "partial" }), VLAN),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...untagged, ...FORWARDED, checksum: "partial" }),
    described: virtioHeader({
      flags: NEEDS_CHECKSUM,
      checksumStart: TAGGED_HEADERS - 4,
      checksumOffset: 16,
    }),
  },
  {
    description: "TCP over IPv6 larger than the MTU that gets another tag",
    frame: withVlanTag(
      tcp6Frame({
        ...SYN6,
        destination: TAGGED_VIP6,
        destinationPort: Port.WEB_ELSEWHERE,
        payload: countingBytes(3_000),
      }),
      VLAN,
    ),
    verdict: "Forwarded",
    out: withVlanTag(
      tcp6Frame({
        ...SYN6,
        ...FORWARDED6,
        destination: TAGGED_VIP6,
        destinationPort: Port.WEB_ELSEWHERE,
        payload: countingBytes(3_000),
        checksum: "partial",
      }),
      OTHER_VLAN,
    ),
    described: virtioHeader({
      flags: NEEDS_CHECKSUM,
      gsoType: GSO_TCPV6,
      headerBytes: TAGGED_HEADERS + 40,
      gsoBytes: MTU - 60,
      checksumStart: TAGGED_HEADERS + 20,
      checksumOffset: 16,
    }),
  },
  {
    description: "TCP larger than the MTU that gets a tag, which is no part of the MTU",
    frame: tcpFrame({ ...SYN, destinationPort: Port.WEB_ELSEWHERE, payload: countingBytes(MTU - 39) }),
    verdict: "Forwarded",
    out: withVlanTag(
      tcpFrame({
        ...SYN,
        ...FORWARDED,
        destinationPort: Port.WEB_ELSEWHERE,
        payload: countingBytes(MTU - 39),
        checksum: "partial",
      }),
      OTHER_VLAN,
    ),
    described: virtioHeader({
      flags: NEEDS_CHECKSUM,
      gsoType: GSO_TCPV4,
      headerBytes: TAGGED_HEADERS + 20,
      gsoBytes: MTU - 40,
      checksumStart: TAGGED_HEADERS,
      checksumOffset: 16,
    }),
  },
  {
    description: "datagram in a VLAN that is cut for a real server in another",
    frame: withVlanTag(udpFrame({ ...large, payload: countingBytes(3_000) }), VLAN),
    verdict: "ForwardedInFragments",
    ahead: [piece(0, 1480), piece(1480, 2960)],
    out: piece(2960, 3008),
  },
  {
    description: "datagram in no VLAN that is cut for a real server in one",
    frame: udpFrame({ ...large, destination: VIP, payload: countingBytes(2_000) }),
    verdict: "ForwardedInFragments",
    ...inTwo(udpFrame({ ...large, destination: VIP, payload: countingBytes(2_000) }).slice(34)),
  },
  {
    description: "segment of a known connection that gets another tag",
    before: connected(Port.WEB_ELSEWHERE),
    frame: withVlanTag(tcpFrame({ ...SYN, ...elsewhere, payload: countingBytes(MTU - 40) }), VLAN),
    verdict: "Forwarded",
    out: withVlanTag(
      tcpFrame({ ...SYN, ...elsewhere, ...FORWARDED, payload: countingBytes(MTU - 40) }),
      OTHER_VLAN,
    ),
  },
];

function inTwo(whole: Uint8Array): Pick<Fixture, "ahead" | "out"> {
  const part = (from: number, to: number) =>
    withVlanTag(
      ipv4Frame(
        { ...large, ...FORWARDED, destination: VIP, fragmentOffset: from / 8, moreFragments: from === 0 },
        17,
        whole.slice(from, to),
      ),
      OTHER_VLAN,
    );
  return { ahead: [part(0, 1480)], out: part(1480, whole.length) };
}

const answeredTo = { from: DIRECTOR_MAC, to: CLIENT_MAC, source: TAGGED_VIP, destination: CLIENT };
const dying = tcpFrame({ ...SYN, ...elsewhere, ttl: 1 });

const answered: readonly Fixture[] = [
  {
    description: "ARP request for a VIP in its VLAN",
    frame: withVlanTag(arpFrame({ ...ARP_REQUEST, targetAddress: TAGGED_VIP }), PRIORITY | VLAN),
    verdict: "AnsweredArp",
    out: withVlanTag(
      arpFrame({
        from: DIRECTOR_MAC,
        to: CLIENT_MAC,
        operation: "reply",
        senderMac: DIRECTOR_MAC,
        senderAddress: TAGGED_VIP,
        targetMac: CLIENT_MAC,
        targetAddress: CLIENT,
      }),
      PRIORITY | VLAN,
    ),
  },
  {
    description: "neighbour solicitation for a VIP in its VLAN",
    frame: withVlanTag(
      solicitationFrame({ ...SOLICITATION, ...solicitedNode(TAGGED_VIP6), target: TAGGED_VIP6 }),
      VLAN,
    ),
    verdict: "AnsweredNdp",
    out: withVlanTag(
      advertisementFrame({
        from: DIRECTOR_MAC,
        to: CLIENT_MAC,
        source: TAGGED_VIP6,
        destination: SOLICITATION.source,
        target: TAGGED_VIP6,
        linkLayer: DIRECTOR_MAC,
        isSolicited: true,
        isOverriding: true,
      }),
      VLAN,
    ),
  },
  {
    description: "ping of a VIP in its VLAN",
    frame: withVlanTag(icmpFrame({ ...PING, ...tagged }), VLAN),
    verdict: "AnsweredEcho",
    out: withVlanTag(icmpFrame({ ...PING, ...answeredTo, type: 0 }), VLAN),
  },
  {
    description: "SYN with TTL 1 for a real server in another VLAN: told in its own",
    frame: withVlanTag(dying, VLAN),
    verdict: "AnsweredTimeExceeded",
    out: withVlanTag(icmpFrame({ ...answeredTo, type: 11, payload: dying.slice(14, 42) }), VLAN),
  },
  {
    description: "datagram too large for a real server in another VLAN: told in its own",
    frame: withVlanTag(udpFrame({ ...large, dontFragment: true, payload: countingBytes(1_473) }), VLAN),
    verdict: "AnsweredTooBig",
    out: withVlanTag(
      icmpFrame({
        ...answeredTo,
        type: 3,
        code: 4,
        rest: MTU,
        payload: udpFrame({ ...large, dontFragment: true, payload: countingBytes(1_473) }).slice(14, 42),
      }),
      VLAN,
    ),
  },
];

const serverArp = {
  ...ARP_REQUEST,
  from: SERVER_MAC,
  senderMac: SERVER_MAC,
  senderAddress: SERVER,
  targetAddress: "192.0.2.1",
};

const unsent: readonly Fixture[] = [
  {
    description: "ARP packet of a real server in its VLAN",
    frame: withVlanTag(arpFrame(serverArp), OTHER_VLAN),
    verdict: "LearntNeighbor",
  },
  {
    description: "ARP packet with a real server's address in a VLAN where it has none",
    frame: withVlanTag(arpFrame(serverArp), 9),
    verdict: "IgnoredArp",
  },
  {
    description: "SYN without a tag for a VIP in a VLAN",
    frame: tcpFrame({ ...SYN, ...tagged }),
    verdict: "IgnoredOtherVlan",
  },
  {
    description: "SYN over IPv6 in a VLAN that the VIP is not in",
    frame: withVlanTag(tcp6Frame({ ...SYN6, destination: TAGGED_VIP6 }), OTHER_VLAN),
    verdict: "IgnoredOtherVlan",
  },
  {
    description: "neighbour solicitation for a VIP in a VLAN that it is not in",
    frame: withVlanTag(
      solicitationFrame({ ...SOLICITATION, ...solicitedNode(TAGGED_VIP6), target: TAGGED_VIP6 }),
      OTHER_VLAN,
    ),
    verdict: "IgnoredNdp",
  },
  {
    description: "ARP request without a tag for a VIP in a VLAN",
    frame: arpFrame({ ...ARP_REQUEST, targetAddress: TAGGED_VIP }),
    verdict: "IgnoredArp",
  },
  ...[14, 15, 17].map((length): Fixture => ({
    description: `tagged frame cut to ${length} bytes`,
    frame: withVlanTag(tcpFrame({ ...SYN, ...tagged }), VLAN).slice(0, length),
    verdict: "DroppedMalformed",
  })),
  {
    description: "tagged frame that ends inside the TCP header",
    frame: withVlanTag(tcpFrame({ ...SYN, ...tagged }), VLAN).slice(0, 18 + 39),
    verdict: "DroppedMalformed",
  },
];

export const VLAN_FIXTURES: readonly Fixture[] = [...forwarded, ...answered, ...unsent];
