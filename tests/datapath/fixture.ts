/**
 * What a frame fixture is, and the frames most of them start from.
 *
 * @module
 */

import { Verdict } from "../../datapath/verdict.ts";
import {
  type ArpFields,
  BROADCAST_MAC,
  Flag,
  type TcpFields,
  tcpFrame,
  type UdpFields,
} from "./frame_builder.ts";
import { CLIENT, CLIENT_MAC, DIRECTOR_MAC, Port, SERVER_MAC, type TestNetwork, VIP } from "./test_network.ts";

/** One frame and what is to become of it. */
export interface Fixture {
  readonly description: string;
  readonly frame: Uint8Array;
  /** What has happened before the frame arrives. */
  readonly before?: (network: TestNetwork) => void;
  readonly verdict: keyof typeof Verdict;
  /** The frame that is sent; without it none is, and the frame that came must be untouched. */
  readonly out?: Uint8Array;
  /** Frames that are sent before it. @default none */
  readonly ahead?: readonly Uint8Array[];
  /** The `virtio_net_hdr` that goes with it. @default ten zero bytes: nothing is left to do */
  readonly described?: Uint8Array;
}

const toVip = { from: CLIENT_MAC, to: DIRECTOR_MAC, source: CLIENT, destination: VIP, sourcePort: 40_000 };

/** The first segment of a connection with the service on {@linkcode Port.WEB}. */
export const SYN: TcpFields = { ...toVip, destinationPort: Port.WEB, flags: Flag.SYN };
/** A later one. */
export const ACK: TcpFields = { ...SYN, flags: Flag.ACK, sequence: 1_001, acknowledgment: 0xfedcba98 };
/** A question to the service on {@linkcode Port.DNS}. */
export const QUERY: UdpFields = { ...toVip, destinationPort: Port.DNS, payload: new Uint8Array(30) };

/** A ping of the VIP. */
export const PING = { ...toVip, type: 8, rest: 0x1234_0001, payload: new Uint8Array(56) };

/** Who has the VIP? */
export const ARP_REQUEST: ArpFields = {
  from: CLIENT_MAC,
  to: BROADCAST_MAC,
  operation: "request",
  senderMac: CLIENT_MAC,
  senderAddress: CLIENT,
  targetMac: "00:00:00:00:00:00",
  targetAddress: VIP,
};

/** Fields of a frame that has been forwarded: all of it that may differ. */
export const FORWARDED = { from: DIRECTOR_MAC, to: SERVER_MAC, ttl: 63 };

/** Fields of an IP packet the director itself makes for the client. */
export const ANSWERED = { from: DIRECTOR_MAC, to: CLIENT_MAC, source: VIP, destination: CLIENT };

/** Opens the connection that {@linkcode SYN} and {@linkcode ACK} belong to, on any port. */
export function connected(destinationPort: number = Port.WEB): (network: TestNetwork) => void {
  return (network) => {
    for (const segment of [SYN, ACK]) network.forward(tcpFrame({ ...segment, destinationPort }));
  };
}

export interface Description {
  readonly flags?: number;
  readonly gsoType?: number;
  readonly headerBytes?: number;
  readonly gsoBytes?: number;
  readonly checksumStart?: number;
  readonly checksumOffset?: number;
}

/** A `virtio_net_hdr` as linux/virtio_net.h lays it out. */
export function virtioHeader(description: Description): Uint8Array {
  const { flags = 0, gsoType = 0, headerBytes = 0, gsoBytes = 0 } = description;
  const words = [headerBytes, gsoBytes, description.checksumStart ?? 0, description.checksumOffset ?? 0];
  return Uint8Array.from([flags, gsoType, ...words.flatMap((word) => [word & 255, word >>> 8])]);
}
