/**
 * A link without a network, for conversations over IPv4 or IPv6: what they send is kept, what they are to hear is put
 * in, and the clock is turned by hand.
 *
 * @module
 */

import { type Conversation, Wire } from "../../sentinel/wire.ts";
import { arpFrame, icmpFrame, ipv4Packet, tcpFrame } from "../datapath/frame_builder.ts";
import {
  advertisementFrame,
  icmp6Frame,
  ipv6Packet,
  solicitationFrame,
  solicitedNode,
  tcp6Frame,
} from "../datapath/ipv6_frame_builder.ts";
import { MemoryPort } from "../datapath/memory_port.ts";

export const OWN_MAC = "02:00:00:00:00:02";
export const BROADCAST = "ff:ff:ff:ff:ff:ff";
export const NO_MAC = "00:00:00:00:00:00";

/** Who is who on the link. */
export interface Places {
  readonly family: 4 | 6;
  readonly own: string;
  readonly probe: string;
  readonly vip: string;
  readonly otherVip: string;
  readonly server: string;
  readonly otherServer: string;
  readonly nobody: string;
}

export const IPV4: Places = {
  family: 4,
  own: "192.0.2.2",
  probe: "192.0.2.200",
  vip: "192.0.2.10",
  otherVip: "192.0.2.11",
  server: "192.0.2.21",
  otherServer: "192.0.2.22",
  nobody: "0.0.0.0",
};

export const IPV6: Places = {
  family: 6,
  own: "2001:db8::2",
  probe: "2001:db8::c8",
  vip: "2001:db8::10",
  otherVip: "2001:db8::11",
  server: "2001:db8::21",
  otherServer: "2001:db8::22",
  nobody: "::",
};

/** What an ICMP message says, as type and code of each family (RFC 792, RFC 4443, RFC 4861 §4.5). */
export const Icmp = {
  EXPIRED: { 4: [11, 0], 6: [3, 0] },
  NO_ROUTE: { 4: [3, 0], 6: [1, 0] },
  PORT_UNREACHABLE: { 4: [3, 3], 6: [1, 4] },
  REDIRECT: { 4: [5, 1], 6: [137, 0] },
} as const;

/** Where fields of a packet without options are in its frame. */
const At = {
  4: { TTL: 22, PROTOCOL: 23, SOURCE_PORT: 34, SEQUENCE: 38, FLAGS: 47, IDENTIFIER: 38 },
  6: { TTL: 21, PROTOCOL: 20, SOURCE_PORT: 54, SEQUENCE: 58, FLAGS: 67, IDENTIFIER: 58 },
} as const;
const ECHO = { 4: 1, 6: 58 } as const;

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
  readonly places: Places;
  readonly #port = new MemoryPort();
  #conversations: readonly Conversation[] = [];
  #nowMs = 0;

  constructor(places: Places = IPV4) {
    this.places = places;
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

  /** An ARP packet, a solicitation or an advertisement arrives. */
  neighbor(
    operation: "request" | "reply",
    senderMac: string,
    senderAddress: string,
    targetAddress: string,
    to = OWN_MAC,
  ): void {
    const from = senderMac;
    if (this.places.family === 4) {
      this.arrive(
        arpFrame({ from, to, operation, senderMac, senderAddress, targetMac: NO_MAC, targetAddress }),
      );
    } else if (operation === "reply") {
      this.arrive(advertisementFrame({
        ...{ from, to, source: senderAddress, destination: targetAddress, target: senderAddress },
        ...{ linkLayer: senderMac, isSolicited: true, isOverriding: true },
      }));
    } else {
      const option = senderAddress === "::" ? {} : { linkLayer: senderMac };
      this.arrive(solicitationFrame({
        ...{ from, source: senderAddress, target: targetAddress, ...solicitedNode(targetAddress) },
        ...option,
      }));
    }
  }

  /** A TCP segment arrives as the answer to a SYN. */
  segment(from: string, source: string, probe: SentProbe, flags: number, acknowledges = 1): void {
    const acknowledgment = (probe.sequence + acknowledges) >>> 0;
    const fields = {
      ...{ from, to: OWN_MAC, source, destination: this.places.probe },
      ...{ sourcePort: 80, destinationPort: probe.number, flags, acknowledgment },
    };
    this.arrive(this.places.family === 4 ? tcpFrame({ ...fields, paddedTo: 60 }) : tcp6Frame(fields));
  }

  /** A SYN that was sent arrives once more. */
  reflection(from: string, syn: SentProbe): void {
    const { probe: source, vip: destination, family } = this.places;
    const fields = {
      ...{ from, to: OWN_MAC, source, destination, flags: 2 },
      ...{ sourcePort: syn.number, destinationPort: 80, sequence: syn.sequence },
    };
    this.arrive(family === 4 ? tcpFrame(fields) : tcp6Frame(fields));
  }

  /** An ICMP error about a SYN arrives. */
  error(from: string, source: string, message: typeof Icmp[keyof typeof Icmp], probe: SentProbe): void {
    const { family, probe: destination, vip } = this.places;
    const [type, code] = message[family];
    const head = { from: OWN_MAC, to: from, source: destination, destination: vip };
    const segment = new Uint8Array([probe.number >> 8, probe.number & 255, 0, 80, 0, 0, 0, 0]);
    const fields = { from, to: OWN_MAC, source, destination, type, code };
    if (family === 4) {
      this.arrive(icmpFrame({ ...fields, payload: ipv4Packet(head, 6, segment) }));
      return;
    }
    const quoted = ipv6Packet(head, 6, segment);
    if (message !== Icmp.REDIRECT) return this.arrive(icmp6Frame({ ...fields, payload: quoted }));
    // Two addresses, the better router's MAC, and the packet behind a header of eight bytes.
    const payload = new Uint8Array(32 + 8 + 8 + quoted.length);
    payload.set([2, 1], 32);
    payload.set([4, 1 + quoted.length / 8], 40);
    payload.set(quoted, 48);
    this.arrive(icmp6Frame({ ...fields, hopLimit: 255, payload }));
  }

  /** The answer to a ping arrives. */
  echo(from: string, source: string, ping: SentProbe): void {
    const rest = (ping.number << 16) >>> 0;
    const fields = { from, to: OWN_MAC, source, destination: this.places.probe, rest };
    this.arrive(
      this.places.family === 4 ? icmpFrame({ ...fields, type: 0 }) : icmp6Frame({ ...fields, type: 129 }),
    );
  }

  /** Frames sent since the last call. */
  sent(): Uint8Array[] {
    return this.#port.sent.splice(0).map(({ bytes }) => bytes);
  }

  /** SYNs, RSTs and pings sent since the last call; other frames are forgotten. */
  sentProbes(): SentProbe[] {
    const at = At[this.places.family];
    return this.sent().filter(isProbe).map((frame) => {
      const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
      const isEcho = frame[at.PROTOCOL] === ECHO[this.places.family];
      return {
        to: [...frame.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
        ttl: frame[at.TTL]!,
        isEcho,
        number: view.getUint16(isEcho ? at.IDENTIFIER : at.SOURCE_PORT),
        sequence: view.getUint32(at.SEQUENCE),
        flags: isEcho ? 0 : frame[at.FLAGS]!,
      };
    });
  }

  /** The question that a frame would be which is sent to one MAC or to everybody. */
  request(to: string, targetAddress: string, senderAddress: string): Uint8Array {
    if (this.places.family === 4) {
      return arpFrame({
        ...{ from: OWN_MAC, to, operation: "request", senderMac: OWN_MAC, senderAddress },
        ...{ targetMac: NO_MAC, targetAddress, paddedTo: 60 },
      });
    }
    const group = solicitedNode(targetAddress);
    const option = senderAddress === "::" ? {} : { linkLayer: OWN_MAC };
    return solicitationFrame({
      ...{ from: OWN_MAC, source: senderAddress, target: targetAddress, ...group, ...option },
      ...(to === BROADCAST ? {} : { to }),
    });
  }

  /** The answer to a question for an address of ours. */
  reply(to: string, targetAddress: string, senderAddress: string): Uint8Array {
    return this.places.family === 4
      ? arpFrame({
        ...{ from: OWN_MAC, to, operation: "reply", senderMac: OWN_MAC, senderAddress },
        ...{ targetMac: to, targetAddress, paddedTo: 60 },
      })
      : advertisementFrame({
        ...{ from: OWN_MAC, to, source: senderAddress, destination: targetAddress, target: senderAddress },
        ...{ linkLayer: OWN_MAC, isSolicited: true, isOverriding: true },
      });
  }
}

function isProbe(frame: Uint8Array): boolean {
  if (frame[12] === 0x86 && frame[13] === 0xdd) return frame[20] === 6 || frame[54] === 128;
  return frame[12] === 8 && frame[13] === 0;
}
