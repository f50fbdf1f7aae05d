/**
 * Frames the director answers itself.
 *
 * @module
 */

import { ACK, ANSWERED, ARP_REQUEST, connected, type Fixture, PING, QUERY, SYN } from "./fixture.ts";
import {
  arpFrame,
  countingBytes,
  Flag,
  icmpFrame,
  type Ipv4Fields,
  tcpFrame,
  udpFrame,
} from "./frame_builder.ts";
import { CLIENT, CLIENT_MAC, DIRECTOR_MAC, MTU, Port, server, SERVICES, VIP } from "./test_network.ts";

const ARP_REPLY = {
  from: DIRECTOR_MAC,
  to: CLIENT_MAC,
  operation: "reply",
  senderMac: DIRECTOR_MAC,
  senderAddress: VIP,
  targetMac: CLIENT_MAC,
  targetAddress: CLIENT,
} as const;

const arp: readonly Fixture[] = [
  {
    description: "ARP request for the VIP",
    frame: arpFrame(ARP_REQUEST),
    verdict: "AnsweredArp",
    out: arpFrame(ARP_REPLY),
  },
  {
    description: "ARP request for the VIP to our MAC, padded",
    frame: arpFrame({ ...ARP_REQUEST, to: DIRECTOR_MAC, paddedTo: 60 }),
    verdict: "AnsweredArp",
    out: arpFrame({ ...ARP_REPLY, paddedTo: 60 }),
  },
  {
    description: "ARP probe for the VIP (RFC 5227): it is taken",
    frame: arpFrame({ ...ARP_REQUEST, senderAddress: "0.0.0.0" }),
    verdict: "AnsweredArp",
    out: arpFrame({ ...ARP_REPLY, targetAddress: "0.0.0.0" }),
  },
];

const pingReply = { ...PING, ...ANSWERED, type: 0 };

const echo: readonly Fixture[] = [
  { description: "ping", frame: icmpFrame(PING), verdict: "AnsweredEcho", out: icmpFrame(pingReply) },
  {
    description: "ping with DSCP and a spent TTL, which the reply must not inherit",
    frame: icmpFrame({ ...PING, typeOfService: 0xb8, ttl: 1, identification: 0x4242, dontFragment: false }),
    verdict: "AnsweredEcho",
    out: icmpFrame({ ...pingReply, typeOfService: 0xb8 }),
  },
  {
    description: "ping with a loose source route, which the reply must not follow",
    frame: icmpFrame({
      ...PING,
      options: Uint8Array.of(131, 7, 4, 203, 0, 113, 9, 0),
      payload: countingBytes(57),
    }),
    verdict: "AnsweredEcho",
    out: icmpFrame({ ...pingReply, payload: countingBytes(57) }),
  },
  {
    description: "ping without payload, padded",
    frame: icmpFrame({ ...PING, payload: new Uint8Array(), paddedTo: 60 }),
    verdict: "AnsweredEcho",
    out: icmpFrame({ ...pingReply, payload: new Uint8Array() }),
  },
  {
    description: "ping whose checksum is 0xffff in the reply's arithmetic",
    frame: icmpFrame({ ...PING, rest: 0xf7ff_0000, payload: new Uint8Array() }),
    verdict: "AnsweredEcho",
    out: icmpFrame({ ...pingReply, rest: 0xf7ff_0000, payload: new Uint8Array() }),
  },
];

const reset = {
  ...ANSWERED,
  sourcePort: Port.WEB,
  destinationPort: SYN.sourcePort,
  window: 0,
  flags: Flag.RST | Flag.ACK,
  sequence: 0,
};

// Numbers as in RFC 9293 §3.10.7.1.
const resets: readonly Fixture[] = [
  {
    description: "ACK of no connection: RST with the number it expects",
    frame: tcpFrame({ ...ACK, payload: countingBytes(7) }),
    verdict: "AnsweredReset",
    out: tcpFrame({ ...reset, flags: Flag.RST, sequence: 0xfedcba98, acknowledgment: 0 }),
  },
  {
    description: "SYN to a port without a service: RST that acknowledges the SYN",
    frame: tcpFrame({ ...SYN, destinationPort: 9, sequence: 0xffffffff }),
    verdict: "AnsweredNoService",
    out: tcpFrame({ ...reset, sourcePort: 9, acknowledgment: 0 }),
  },
  {
    description: "SYN with payload and options to a port without a service: RST that acknowledges all of it",
    frame: tcpFrame({
      ...SYN,
      destinationPort: 9,
      options: Uint8Array.of(1, 1, 1, 1),
      tcpOptions: Uint8Array.of(2, 4, 5, 180),
      payload: countingBytes(10),
    }),
    verdict: "AnsweredNoService",
    out: tcpFrame({ ...reset, sourcePort: 9, acknowledgment: 1_011 }),
  },
  {
    description: "FIN without ACK and without a connection: RST that acknowledges the FIN",
    frame: tcpFrame({ ...ACK, flags: Flag.FIN, payload: countingBytes(3), paddedTo: 60 }),
    verdict: "AnsweredReset",
    out: tcpFrame({ ...reset, acknowledgment: 1_005 }),
  },
  {
    description: "SYN+ACK to a port without a service: RST with the number it acknowledges",
    frame: tcpFrame({ ...SYN, destinationPort: 9, flags: Flag.SYN | Flag.ACK, acknowledgment: 77 }),
    verdict: "AnsweredNoService",
    out: tcpFrame({ ...reset, sourcePort: 9, flags: Flag.RST, sequence: 77, acknowledgment: 0 }),
  },
  {
    description: "segment without any flag and without a connection",
    frame: tcpFrame({ ...ACK, flags: 0 }),
    verdict: "AnsweredReset",
    out: tcpFrame({ ...reset, acknowledgment: 1_001 }),
  },
  {
    description: "segment of 65,535 bytes of no connection",
    frame: tcpFrame({ ...ACK, payload: countingBytes(65_495), checksum: "partial" }),
    verdict: "AnsweredReset",
    out: tcpFrame({ ...reset, flags: Flag.RST, sequence: 0xfedcba98, acknowledgment: 0 }),
  },
  {
    description: "segment of a connection whose real server went down",
    before: (network) => {
      connected()(network);
      network.adopt(SERVICES.map((service) => ({ ...service, destinations: [server(true)] })));
    },
    frame: tcpFrame(ACK),
    verdict: "AnsweredReset",
    out: tcpFrame({ ...reset, flags: Flag.RST, sequence: 0xfedcba98, acknowledgment: 0 }),
  },
];

/** The error, which quotes the IP header and eight bytes of what it is about (RFC 792). */
function icmpError(type: number, code: number, about: Uint8Array, ipHeaderBytes = 20, rest = 0): Uint8Array {
  const payload = about.slice(14, 14 + ipHeaderBytes + 8);
  return icmpFrame({ ...(ANSWERED as Ipv4Fields), type, code, rest, payload });
}

const withoutServer = tcpFrame({ ...SYN, destinationPort: Port.ALL_DOWN });
const queryWithoutServer = udpFrame({ ...QUERY, destinationPort: Port.DNS_ALL_DOWN });
const queryWithoutService = udpFrame({ ...QUERY, destinationPort: 9, payload: new Uint8Array() });
const optioned = udpFrame({ ...QUERY, destinationPort: 9, options: countingBytes(40) });
const dying = tcpFrame({ ...SYN, ttl: 1 });
const dead = udpFrame({ ...QUERY, ttl: 0 });

const tooBig = udpFrame({ ...QUERY, payload: countingBytes(MTU - 27) });

const errors: readonly Fixture[] = [
  {
    description: "datagram one byte larger than the MTU that must not be cut",
    frame: tooBig,
    verdict: "AnsweredTooBig",
    out: icmpError(3, 4, tooBig, 20, MTU),
  },
  {
    description: "SYN to a service whose servers are all down",
    frame: withoutServer,
    verdict: "AnsweredUnreachable",
    out: icmpError(3, 3, withoutServer),
  },
  {
    description: "datagram to a service whose servers are all down",
    frame: queryWithoutServer,
    verdict: "AnsweredUnreachable",
    out: icmpError(3, 3, queryWithoutServer),
  },
  {
    description: "empty datagram to a port without a service",
    frame: queryWithoutService,
    verdict: "AnsweredNoService",
    out: icmpError(3, 3, queryWithoutService),
  },
  {
    description: "datagram with 40 bytes of IP options to a port without a service",
    frame: optioned,
    verdict: "AnsweredNoService",
    out: icmpError(3, 3, optioned, 60),
  },
  {
    description: "SYN with TTL 1",
    frame: dying,
    verdict: "AnsweredTimeExceeded",
    out: icmpError(11, 0, dying),
  },
  {
    description: "datagram with TTL 0",
    frame: dead,
    verdict: "AnsweredTimeExceeded",
    out: icmpError(11, 0, dead),
  },
];

export const ANSWERED_FIXTURES: readonly Fixture[] = [...arp, ...echo, ...resets, ...errors];
