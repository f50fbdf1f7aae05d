/**
 * Talking on an interface, beside whatever else uses it: a director that runs there takes no notice.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { FramePort } from "../datapath/frame_port.ts";
import { FrameRing } from "../datapath/frame_ring.ts";
import { FrameWriter, type NeighborMessage, type PacketHead, type SegmentHead } from "./frame_writer.ts";
import { ListeningPort } from "./listening_port.ts";
import { type Packet, readPacket } from "./packet.ts";

const RECEIVE_SLOTS = 32;
const SEND_SLOT = RECEIVE_SLOTS;
const SLOTS = Int32Array.of(SEND_SLOT);
/** Times in one step that the slots are filled: half a millisecond of work, whatever arrives. */
const FILLS_PER_STEP = 4;
/** Times the slots can be filled, at the most, from what a port holds. */
const FILLS_OF_RING = 64;
/** Time between two looks at the interface; a neighbor waits that long for the answer to its question. */
export const LOOK_INTERVAL_MS = 5;

/** Something that goes on for a while and ends by itself. */
export interface Conversation {
  /** Takes note of a packet. */
  hear(packet: Packet, nowMs: number): void;
  /** Does what is due. */
  tick(nowMs: number): void;
  readonly isOver: boolean;
}

/** An Ethernet interface. */
export interface WireLink {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
}

/** A pcap-filter(7) expression for ARP, for NDP, and for what concerns some addresses. */
export function filterFor(addresses: readonly string[]): string {
  // Types 133 to 137 of ICMPv6 are NDP's; nothing of it has extension headers.
  const everything = ["arp", "(icmp6 and ip6[40] >= 133 and ip6[40] <= 137)"];
  return [...everything, ...addresses.map((address) => `host ${address}`)].join(" or ");
}

export class Wire implements Disposable {
  /** MAC everything is sent from. */
  readonly mac: string;
  readonly #port: FramePort;
  readonly #ring: FrameRing;
  readonly #writer: FrameWriter;

  private constructor(port: FramePort, ring: FrameRing, mac: string) {
    this.#port = port;
    this.#ring = ring;
    this.#writer = new FrameWriter(ring, SEND_SLOT, mac);
    this.mac = mac;
  }

  /**
   * Opens an interface.
   *
   * Stops the thread for tens of milliseconds, and so does disposal.
   *
   * @param filter What to hear, see {@linkcode filterFor}. A busy director's traffic must not match.
   * @param ours Addresses that are, or may become, ours: over IPv6, questions for them come by multicast.
   * @throws {OperatorError} If the interface cannot be used or libpcap is missing.
   */
  static open(link: WireLink, filter: string, ours: readonly string[] = []): Wire {
    const ring = new FrameRing(RECEIVE_SLOTS + 1);
    const port = new ListeningPort(link.name, link.index, ring);
    try {
      port.setFilter(filter);
      port.joinGroups(ours);
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

  /** Asks who has the target's address, by ARP or NDP. */
  ask(message: NeighborMessage): void {
    this.#writer.writeRequest(message);
    this.#send();
  }

  /** Says that {@linkcode mac} has the sender's address. */
  answer(message: NeighborMessage): void {
    this.#writer.writeReply(message);
    this.#send();
  }

  /** Sends a TCP segment without options and payload. */
  sendSegment(head: PacketHead, segment: SegmentHead): void {
    this.#writer.writeSegment(head, segment);
    this.#send();
  }

  /** Sends a ping without payload. */
  sendEcho(head: PacketHead, identifier: number): void {
    this.#writer.writeEcho(head, identifier);
    this.#send();
  }

  /**
   * Gives what has arrived to the conversations and lets each do what is due.
   *
   * @throws {CaptureError} If the interface has gone.
   */
  step(conversations: readonly Conversation[], nowMs: number): void {
    for (let fills = 0; fills < FILLS_PER_STEP; fills++) {
      const count = this.#port.receive(this.#ring, RECEIVE_SLOTS);
      for (const slot of this.#ring.order.subarray(0, count)) {
        const packet = readPacket(this.#ring, slot);
        if (packet !== null) { for (const conversation of conversations) conversation.hear(packet, nowMs); }
      }
      if (count === 0) break;
    }
    for (const conversation of conversations) conversation.tick(nowMs);
  }

  /** Forgets what has arrived while nobody listened. */
  skip(): void {
    for (let fills = 0; fills < FILLS_OF_RING; fills++) {
      if (this.#port.receive(this.#ring, RECEIVE_SLOTS) === 0) return;
    }
  }

  /**
   * Goes on until all conversations are over.
   *
   * @param signal Ends it early.
   * @throws {CaptureError} If the interface has gone.
   */
  async converse(conversations: readonly Conversation[], signal?: AbortSignal): Promise<void> {
    while (!signal?.aborted) {
      this.step(conversations, performance.now());
      if (conversations.every(({ isOver }) => isOver)) return;
      await delay(LOOK_INTERVAL_MS);
    }
  }

  /** Frames that matched the filter and came too fast to be looked at. */
  get missed(): number {
    return this.#port.statistics().captureDrops;
  }

  /** Frames that were not sent, for example because the interface is down. */
  get unsent(): number {
    return this.#port.statistics().transmitErrors;
  }

  [Symbol.dispose](): void {
    this.#port.close();
  }

  #send(): void {
    this.#port.transmit(this.#ring, SLOTS, 1);
  }
}
