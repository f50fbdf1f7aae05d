/**
 * The frames over IPv6 that most fixtures start from.
 *
 * @module
 */

import { FORWARDED } from "./fixture.ts";
import { countingBytes, Flag } from "./frame_builder.ts";
import {
  authenticationHeader,
  type Extension,
  fragmentHeader,
  Next,
  optionsHeader,
  routingHeader,
  solicitedNode,
  type Tcp6Fields,
  tcp6Frame,
  type Udp6Fields,
} from "./ipv6_frame_builder.ts";
import {
  CLIENT6,
  CLIENT_MAC,
  DIRECTOR_MAC,
  Port,
  SERVER_MAC,
  type TestNetwork,
  VIP6,
} from "./test_network.ts";

/** From the client to the VIP. */
export const TO_VIP6 = {
  from: CLIENT_MAC,
  to: DIRECTOR_MAC,
  source: CLIENT6,
  destination: VIP6,
  sourcePort: 40_000,
};

/** The first segment of a connection with the service on {@linkcode Port.WEB}. */
export const SYN6: Tcp6Fields = { ...TO_VIP6, destinationPort: Port.WEB, flags: Flag.SYN };
/** A later one. */
export const ACK6: Tcp6Fields = { ...SYN6, flags: Flag.ACK, sequence: 1_001, acknowledgment: 0xfedcba98 };
/** A question to the service on {@linkcode Port.DNS}. */
export const QUERY6: Udp6Fields = { ...TO_VIP6, destinationPort: Port.DNS, payload: countingBytes(30) };
/** A ping of the VIP. */
export const PING6 = { ...TO_VIP6, type: 128, rest: 0x1234_0001, payload: countingBytes(56) };
/** Who has the VIP? */
export const SOLICITATION = {
  from: CLIENT_MAC,
  ...solicitedNode(VIP6),
  source: "fe80::7",
  target: VIP6,
  linkLayer: CLIENT_MAC,
};

/** Fields of a frame over IPv6 that has been forwarded: all of it that may differ. */
export const FORWARDED6 = { from: DIRECTOR_MAC, to: SERVER_MAC, hopLimit: FORWARDED.ttl };
/** Fields of a packet over IPv6 that the director itself makes for the client. */
export const ANSWERED6 = { from: DIRECTOR_MAC, to: CLIENT_MAC, source: VIP6, destination: CLIENT6 };

/** Opens the connection that {@linkcode SYN6} and {@linkcode ACK6} belong to. */
export function connected6(network: TestNetwork): void {
  for (const segment of [SYN6, ACK6]) network.forward(tcp6Frame(segment));
}

/** One of each kind that says nothing about fragments. */
export const EXTENSIONS: readonly Extension[] = [
  optionsHeader(Next.HOP_BY_HOP),
  routingHeader(0),
  authenticationHeader(),
  optionsHeader(Next.DESTINATION_OPTIONS, 16),
];
export const EXTENSION_BYTES = 8 + 24 + 24 + 16;

/** Header of a first fragment. */
export const FIRST = fragmentHeader(0, true, 0x89abcdef);
