/**
 * A link without a network, for conversations: what they send is kept, what they are to hear is put in, and the clock is
 * turned by hand.
 *
 * @module
 */

import { type Conversation, Wire } from "../../sentinel/wire.ts";
import { arpFrame, icmpFrame, ipv4Packet, tcpFrame } from "../datapath/frame_builder.ts";
import { MemoryPort } from "../datapath/memory_port.ts";

export const OWN_MAC = "02:00:00:00:00:02";
export const OWN_ADDRESS = "192.0.2.2";
export const PROBE_ADDRESS = "192.0.2.200";
export const VIP = "192.0.2.10";
export const BROADCAST = "ff:ff:ff:ff:ff:ff";
export const NO_MAC = "00:00:00:00:00:00";

/** Where fields of an IPv4 packet without options are in its frame. */
const At = { TTL: 22, PROTOCOL: 23, SOURCE_PORT: 34, SEQUENCE: 38, FLAGS: 47, ECHO_IDENTIFIER: 38 } as const;

/** A SYN, RST or ping that was sent. */
export interface SentProbe {
  readonly to: string;
  readonly ttl: number;
  readonly isEcho: boolean;
  /** Source port, or identifier of the ping. */
  readonly number: number;
  readonly sequence: number;
  readonly flags: number;
}

export class MemoryLink {
  readonly wire: Wire;
  readonly #port = new MemoryPort();
  #conversations: readonly Conversation[] = [];
  #nowMs = 0;

  constructor() {
    this.wire = Wire.on(this.#port, OWN_MAC);
  }

  begin(...conversations: readonly Conversation[]): void {
    this.#conversations = conversations;
    this.pass(0);
  }

  /** Lets some time pass in small steps. */
  pass(milliseconds: number): void {
    const endMs = this.#nowMs + milliseconds;
    for (;;) {
      this.wire.step(this.#conversations, this.#nowMs);
      if (this.#nowMs >= endMs) return;
      this.#nowMs = Math.min(this.#nowMs + 10, endMs);
    }
  }

  /** Has a frame arrive. */
  arrive(frame: Uint8Array): void {
    this.#port.incoming.push(frame);
    this.pass(0);
  }

  /** An ARP packet arrives. */
  arp(
    operation: "request" | "reply",
    senderMac: string,
    senderAddress: string,
    targetAddress: string,
    to = OWN_MAC,
  ): void {
    this.arrive(
      arpFrame({
        from: senderMac,
        to,
        operation,
        senderMac,
        senderAddress,
        targetMac: NO_MAC,
        targetAddress,
      }),
    );
  }

  /** A TCP segment arrives as the answer to a SYN. */
  segment(from: string, source: string, probe: SentProbe, flags: number, acknowledges = 1): void {
    const acknowledgment = (probe.sequence + acknowledges) >>> 0;
    this.arrive(tcpFrame({
      ...{ from, to: OWN_MAC, source, destination: PROBE_ADDRESS, paddedTo: 60 },
      ...{ sourcePort: 80, destinationPort: probe.number, flags, acknowledgment },
    }));
  }

  /** An ICMP error about a SYN arrives. */
  error(from: string, source: string, type: number, code: number, probe: SentProbe): void {
    const quoted = ipv4Packet(
      { from: OWN_MAC, to: from, source: PROBE_ADDRESS, destination: VIP },
      6,
      new Uint8Array([probe.number >> 8, probe.number & 255, 0, 80, 0, 0, 0, 0]),
    );
    this.arrive(
      icmpFrame({ from, to: OWN_MAC, source, destination: PROBE_ADDRESS, type, code, payload: quoted }),
    );
  }

  /** The answer to a ping arrives. */
  echo(from: string, source: string, ping: SentProbe): void {
    const rest = (ping.number << 16) >>> 0;
    this.arrive(icmpFrame({ from, to: OWN_MAC, source, destination: PROBE_ADDRESS, type: 0, rest }));
  }

  /** Frames sent since the last call. */
  sent(): Uint8Array[] {
    return this.#port.sent.splice(0).map(({ bytes }) => bytes);
  }

  /** SYNs, RSTs and pings sent since the last call; other frames are forgotten. */
  sentProbes(): SentProbe[] {
    return this.sent().filter((frame) => frame[12] === 8 && frame[13] === 0).map((frame) => {
      const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
      const isEcho = frame[At.PROTOCOL] === 1;
      return {
        to: [...frame.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
        ttl: frame[At.TTL]!,
        isEcho,
        number: view.getUint16(isEcho ? At.ECHO_IDENTIFIER : At.SOURCE_PORT),
        sequence: view.getUint32(At.SEQUENCE),
        flags: isEcho ? 0 : frame[At.FLAGS]!,
      };
    });
  }
}
