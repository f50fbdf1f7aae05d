/**
 * Frames that go to a real server.
 *
 * @module
 */

import { ACK, connected, type Fixture, FORWARDED, QUERY, SYN, virtioHeader } from "./fixture.ts";
import { countingBytes, Flag, tcpFrame, udpFrame } from "./frame_builder.ts";
import { MTU, Port, server, service, SERVICES, UNKNOWN_SERVER } from "./test_network.ts";

/** Record route, four entries long, two of them used (RFC 791 §3.1), and the end of the list. */
const IP_OPTIONS = Uint8Array.of(7, 19, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0);
/** No-operation twice, then a timestamp (RFC 7323 §3.2). */
const TCP_OPTIONS = Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8);

const NEEDS_CHECKSUM = 1;
const GSO_TCPV4 = 1;
const GSO_ECN = 0x80;

const plain: readonly Fixture[] = [
  {
    description: "SYN to a service",
    frame: tcpFrame(SYN),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...FORWARDED }),
  },
  {
    description: "SYN with the congestion flags of RFC 3168",
    frame: tcpFrame({ ...SYN, flags: Flag.SYN | Flag.ECE | Flag.CWR }),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...FORWARDED, flags: Flag.SYN | Flag.ECE | Flag.CWR }),
  },
  {
    description: "segment of a known connection with payload, options, DSCP, ECN and an odd length",
    before: connected(),
    frame: tcpFrame({
      ...ACK,
      typeOfService: 0xb9,
      identification: 0xabcd,
      options: IP_OPTIONS,
      tcpOptions: TCP_OPTIONS,
      payload: countingBytes(333),
    }),
    verdict: "Forwarded",
    out: tcpFrame({
      ...ACK,
      ...FORWARDED,
      typeOfService: 0xb9,
      identification: 0xabcd,
      options: IP_OPTIONS,
      tcpOptions: TCP_OPTIONS,
      payload: countingBytes(333),
    }),
  },
  {
    description: "RST of a known connection",
    before: connected(),
    frame: tcpFrame({ ...ACK, flags: Flag.RST }),
    verdict: "Forwarded",
    out: tcpFrame({ ...ACK, ...FORWARDED, flags: Flag.RST }),
  },
  {
    description: "segment of an unknown connection where the service schedules such",
    frame: tcpFrame({ ...ACK, destinationPort: Port.SCHEDULES_UNKNOWN }),
    verdict: "Forwarded",
    out: tcpFrame({ ...ACK, ...FORWARDED, destinationPort: Port.SCHEDULES_UNKNOWN }),
  },
  {
    description: "ACK, padded to the shortest Ethernet frame: the padding stays",
    before: connected(),
    frame: tcpFrame({ ...ACK, paddedTo: 60 }),
    verdict: "Forwarded",
    out: tcpFrame({ ...ACK, ...FORWARDED, paddedTo: 60 }),
  },
  {
    description: "TTL 2, the least that can be forwarded",
    frame: tcpFrame({ ...SYN, ttl: 2 }),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...FORWARDED, ttl: 1 }),
  },
  {
    description: "TTL 255",
    frame: tcpFrame({ ...SYN, ttl: 255 }),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...FORWARDED, ttl: 254 }),
  },
  {
    description: "the largest packet the interface takes",
    before: connected(),
    frame: tcpFrame({ ...ACK, payload: countingBytes(MTU - 40) }),
    verdict: "Forwarded",
    out: tcpFrame({ ...ACK, ...FORWARDED, payload: countingBytes(MTU - 40) }),
  },
  {
    description: "UDP datagram",
    frame: udpFrame(QUERY),
    verdict: "Forwarded",
    out: udpFrame({ ...QUERY, ...FORWARDED }),
  },
  {
    description: "UDP datagram without a checksum stays without",
    frame: udpFrame({ ...QUERY, checksum: 0 }),
    verdict: "Forwarded",
    out: udpFrame({ ...QUERY, ...FORWARDED, checksum: 0 }),
  },
  {
    description: "UDP datagram shorter than its packet",
    frame: udpFrame({ ...QUERY, udpLength: 20 }),
    verdict: "Forwarded",
    out: udpFrame({ ...QUERY, ...FORWARDED, udpLength: 20 }),
  },
  {
    description: "UDP datagram for a one-packet service",
    frame: udpFrame({ ...QUERY, destinationPort: Port.ONE_PACKET }),
    verdict: "Forwarded",
    out: udpFrame({ ...QUERY, ...FORWARDED, destinationPort: Port.ONE_PACKET }),
  },
  {
    description: "SYN where one of two real servers has no known MAC goes to the other",
    before: (network) => {
      const destinations = [server(false, UNKNOWN_SERVER), server()];
      network.adopt([service(6, Port.WEB, { destinations }), ...SERVICES.slice(1)]);
    },
    frame: tcpFrame(SYN),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...FORWARDED }),
  },
];

const unfinished: readonly Fixture[] = [
  {
    description: "TCP with a partial checksum",
    frame: tcpFrame({ ...SYN, checksum: "partial" }),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...FORWARDED, checksum: "partial" }),
    described: virtioHeader({ flags: NEEDS_CHECKSUM, checksumStart: 34, checksumOffset: 16 }),
  },
  {
    description: "TCP with a partial checksum behind IP options",
    frame: tcpFrame({ ...SYN, options: IP_OPTIONS, checksum: "partial" }),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...FORWARDED, options: IP_OPTIONS, checksum: "partial" }),
    described: virtioHeader({ flags: NEEDS_CHECKSUM, checksumStart: 54, checksumOffset: 16 }),
  },
  {
    description: "UDP with a partial checksum",
    frame: udpFrame({ ...QUERY, checksum: "partial" }),
    verdict: "Forwarded",
    out: udpFrame({ ...QUERY, ...FORWARDED, checksum: "partial" }),
    described: virtioHeader({ flags: NEEDS_CHECKSUM, checksumStart: 34, checksumOffset: 6 }),
  },
  {
    description: "TCP with a wrong checksum is left to the real server to refuse",
    frame: tcpFrame({ ...SYN, checksum: 0x1111 }),
    verdict: "Forwarded",
    out: tcpFrame({ ...SYN, ...FORWARDED, checksum: 0x1111 }),
  },
  {
    description: "TCP one byte larger than the MTU is to be cut, its checksum made partial",
    before: connected(),
    frame: tcpFrame({ ...ACK, payload: countingBytes(MTU - 39) }),
    verdict: "Forwarded",
    out: tcpFrame({ ...ACK, ...FORWARDED, payload: countingBytes(MTU - 39), checksum: "partial" }),
    described: virtioHeader({
      flags: NEEDS_CHECKSUM,
      gsoType: GSO_TCPV4,
      headerBytes: 54,
      gsoBytes: 1460,
      checksumStart: 34,
      checksumOffset: 16,
    }),
  },
  {
    description: "TCP of 65,535 bytes, as TSO leaves it, with options and the CWR flag",
    before: connected(),
    frame: tcpFrame({
      ...ACK,
      flags: Flag.ACK | Flag.CWR,
      options: IP_OPTIONS,
      tcpOptions: TCP_OPTIONS,
      payload: countingBytes(65_535 - 72),
      checksum: "partial",
    }),
    verdict: "Forwarded",
    out: tcpFrame({
      ...ACK,
      ...FORWARDED,
      flags: Flag.ACK | Flag.CWR,
      options: IP_OPTIONS,
      tcpOptions: TCP_OPTIONS,
      payload: countingBytes(65_535 - 72),
      checksum: "partial",
    }),
    described: virtioHeader({
      flags: NEEDS_CHECKSUM,
      gsoType: GSO_TCPV4 | GSO_ECN,
      headerBytes: 14 + 40 + 32,
      gsoBytes: MTU - 40 - 32,
      checksumStart: 54,
      checksumOffset: 16,
    }),
  },
  {
    description: "bytes behind a packet larger than the MTU are no part of a segment",
    before: connected(),
    frame: tcpFrame({ ...ACK, payload: countingBytes(3_000), paddedTo: 3_100 }),
    verdict: "Forwarded",
    out: tcpFrame({ ...ACK, ...FORWARDED, payload: countingBytes(3_000), checksum: "partial" }),
    described: virtioHeader({
      flags: NEEDS_CHECKSUM,
      gsoType: GSO_TCPV4,
      headerBytes: 54,
      gsoBytes: 1460,
      checksumStart: 34,
      checksumOffset: 16,
    }),
  },
];

export const FORWARDED_FIXTURES: readonly Fixture[] = [...plain, ...unfinished];
