/**
 * Talking on an interface for a moment, beside whatever else uses it: a director that runs there takes no notice.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { FramePort } from "../datapath/frame_port.ts";
import { FrameRing } from "../datapath/frame_ring.ts";
import { describeComplete } from "../datapath/offload.ts";
import { PcapPort } from "../datapath/pcap_port.ts";
import * as arp from "../datapath/wire/arp.ts";
import { finish, pseudoHeaderSum, sum } from "../datapath/wire/checksum.ts";
import * as ethernet from "../datapath/wire/ethernet.ts";
import * as icmp from "../datapath/wire/icmpv4.ts";
import * as ipv4 from "../datapath/wire/ipv4.ts";
import * as tcp from "../datapath/wire/tcp.ts";
import { ipv4FromText, type Mac, macFromText } from "../model/ip_address.ts";
import { ICMP_IDENTIFIER, type Packet, readPacket } from "./packet.ts";

/** Shortest Ethernet frame without its check sequence (IEEE 802.3 §3.2.8). */
const SHORTEST_FRAME_BYTES = 60;
const RECEIVE_SLOTS = 32;
const SEND_SLOT = RECEIVE_SLOTS;
const SLOTS = Int32Array.of(SEND_SLOT);
/** Time between two looks at the interface; a neighbour waits that long for the answer to its ARP request. */
const LOOK_INTERVAL_MS = 5;

/** Destination of an ARP request to everybody. */
export const EVERYBODY = "ff:ff:ff:ff:ff:ff";
/** Address of nobody: sender of an ARP probe (RFC 5227 §1.1). */
export const NOBODY = "0.0.0.0";

/** Something that goes on for a while and ends by itself. */
export interface Conversation {
  /** Takes note of a packet. */
  hear(packet: Packet, nowMs: number): void;
  /** Does what is due. */
  tick(nowMs: number): void;
  readonly isOver: boolean;
}

/** An IPv4 packet to send, apart from its payload. */
export interface PacketHead {
  /** Destination of the Ethernet frame. */
  readonly to: string;
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
}

export class Wire implements Disposable {
  /** MAC everything is sent from. */
  readonly mac: string;
  readonly #port: FramePort;
  readonly #ring: FrameRing;
  readonly #own: Mac;

  private constructor(port: FramePort, ring: FrameRing, mac: string) {
    this.#port = port;
    this.#ring = ring;
    this.mac = mac;
    this.#own = macFromText(mac);
  }

  /**
   * Opens an interface.
   *
   * @param filter What to hear, a pcap-filter(7) expression. A busy director's traffic should not match.
   * @throws {OperatorError} If the interface cannot be used or libpcap is missing.
   */
  static open(
    link: { readonly name: string; readonly index: number; readonly mac: string; readonly mtu: number },
    filter: string,
  ): Wire {
    const ring = new FrameRing(RECEIVE_SLOTS + 1);
    const port = new PcapPort(link.name, link.index, link.mtu, ring);
    try {
      port.setFilter(filter);
    } catch (error) {
      port.close();
      throw error;
    }
    return new Wire(port, ring, link.mac);
  }

  /** A wire on any port, for example one without a network. */
  static on(port: FramePort, mac: string): Wire {
    return new Wire(port, new FrameRing(RECEIVE_SLOTS + 1), mac);
  }

  /** Sends an ARP packet from {@linkcode mac}, in the frame and in the packet alike. */
  sendArp(packet: {
    readonly to: string;
    readonly operation: number;
    readonly senderAddress: string;
    readonly targetAddress: string;
    /** @default nobody's */
    readonly targetMac?: string;
  }): void {
    const frame = this.#ring.view;
    const payload = this.#begin(packet.to, ethernet.EtherType.ARP);
    const target = packet.targetMac === undefined ? { high: 0, low: 0 } : macFromText(packet.targetMac);
    arp.emit(frame, payload, {
      operation: packet.operation,
      senderMacHigh: this.#own.high,
      senderMacLow: this.#own.low,
      senderAddress: ipv4FromText(packet.senderAddress),
      targetMacHigh: target.high,
      targetMacLow: target.low,
      targetAddress: ipv4FromText(packet.targetAddress),
    });
    this.#send(arp.PACKET_BYTES);
  }

  /** Sends a TCP segment without options and payload. */
  sendSegment(
    head: PacketHead,
    segment: {
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly sequence: number;
      readonly flags: number;
    },
  ): void {
    const frame = this.#ring.view;
    const ip = this.#begin(head.to, ethernet.EtherType.IPV4);
    this.#emitIpv4(ip, head, ipv4.Protocol.TCP, tcp.HEADER_BYTES);
    const at = ip + ipv4.HEADER_BYTES;
    tcp.emit(frame, at, segment.sourcePort, segment.destinationPort, segment.sequence, 0, segment.flags);
    const [source, destination] = [ipv4FromText(head.source), ipv4FromText(head.destination)];
    const pseudo = pseudoHeaderSum(source, destination, ipv4.Protocol.TCP, tcp.HEADER_BYTES);
    tcp.setChecksum(frame, at, finish(pseudo + sum(frame, at, tcp.HEADER_BYTES)));
    this.#send(ipv4.HEADER_BYTES + tcp.HEADER_BYTES);
  }

  /** Sends a ping without payload. */
  sendEcho(head: PacketHead, identifier: number): void {
    const frame = this.#ring.view;
    const ip = this.#begin(head.to, ethernet.EtherType.IPV4);
    this.#emitIpv4(ip, head, ipv4.Protocol.ICMP, icmp.HEADER_BYTES);
    const at = ip + ipv4.HEADER_BYTES;
    // Code and sequence number stay zero, as the whole frame was.
    frame.setUint8(at, icmp.Type.ECHO_REQUEST);
    frame.setUint16(at + ICMP_IDENTIFIER, identifier);
    icmp.setChecksum(frame, at, finish(sum(frame, at, icmp.HEADER_BYTES)));
    this.#send(ipv4.HEADER_BYTES + icmp.HEADER_BYTES);
  }

  /** Gives everything that has arrived to the conversations and lets each do what is due. */
  step(conversations: readonly Conversation[], nowMs: number): void {
    for (;;) {
      const count = this.#port.receive(this.#ring, RECEIVE_SLOTS);
      for (const slot of this.#ring.order.subarray(0, count)) {
        const packet = readPacket(this.#ring, slot);
        if (packet !== null) { for (const conversation of conversations) conversation.hear(packet, nowMs); }
      }
      if (count === 0) break;
    }
    for (const conversation of conversations) conversation.tick(nowMs);
  }

  /**
   * Goes on until all conversations are over.
   *
   * @throws {CaptureError} If the interface has gone.
   */
  async converse(conversations: readonly Conversation[]): Promise<void> {
    for (;;) {
      this.step(conversations, performance.now());
      if (conversations.every(({ isOver }) => isOver)) return;
      await delay(LOOK_INTERVAL_MS);
    }
  }

  [Symbol.dispose](): void {
    this.#port.close();
  }

  /** Writes the Ethernet header of the next frame and returns where its payload begins. */
  #begin(to: string, type: number): number {
    const at = FrameRing.frameAt(SEND_SLOT);
    this.#ring.frames[SEND_SLOT]!.fill(0, 0, SHORTEST_FRAME_BYTES);
    const destination = macFromText(to);
    ethernet.setDestination(this.#ring.view, at, destination.high, destination.low);
    ethernet.setSource(this.#ring.view, at, this.#own.high, this.#own.low);
    ethernet.setEtherType(this.#ring.view, at, type);
    return at + ethernet.HEADER_BYTES;
  }

  #emitIpv4(at: number, head: PacketHead, protocol: number, payloadBytes: number): void {
    const frame = this.#ring.view;
    const [source, destination] = [ipv4FromText(head.source), ipv4FromText(head.destination)];
    ipv4.emit(frame, at, 0, ipv4.HEADER_BYTES + payloadBytes, head.ttl, protocol, source, destination);
    ipv4.setChecksum(frame, at, finish(sum(frame, at, ipv4.HEADER_BYTES)));
  }

  #send(payloadBytes: number): void {
    this.#ring.lengths[SEND_SLOT] = Math.max(ethernet.HEADER_BYTES + payloadBytes, SHORTEST_FRAME_BYTES);
    describeComplete(this.#ring, SEND_SLOT);
    this.#port.transmit(this.#ring, SLOTS, 1);
  }
}
