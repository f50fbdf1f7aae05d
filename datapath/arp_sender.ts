/**
 * ARP packets the director sends of its own accord: requests for real servers, announcements of VIPs.
 *
 * @module
 */

import { ipv4FromText } from "../model/ip_address.ts";
import type { LocalInterface } from "./local_interface.ts";
import type { FramePort } from "./frame_port.ts";
import { FrameRing } from "./frame_ring.ts";
import type { DueRequest } from "./neighbor_table.ts";
import { describeComplete } from "./offload.ts";
import * as arp from "./wire/arp.ts";
import * as ethernet from "./wire/ethernet.ts";

/** Shortest Ethernet frame without its check sequence (IEEE 802.3 §3.2.8). */
const SHORTEST_FRAME_BYTES = 60;
/** Times a VIP is announced, and the time between: two are enough (RFC 5227 §1.1), but frames do get lost. */
const ANNOUNCEMENTS = 5;
const ANNOUNCE_INTERVAL_MS = 1_000;

const BROADCAST = { high: 0xffff, low: 0xffffffff };

export class ArpSender {
  readonly #port: FramePort;
  readonly #ring: FrameRing;
  readonly #firstSlot: number;
  readonly #local: LocalInterface;
  readonly #slots: Int32Array;
  readonly #announcing = new Map<string, { left: number; atMs: number }>();
  #pending = 0;

  /** @param firstSlot Slots of the ring from this one on are used for sending, and for nothing else. */
  constructor(port: FramePort, ring: FrameRing, firstSlot: number, local: LocalInterface) {
    this.#port = port;
    this.#ring = ring;
    this.#firstSlot = firstSlot;
    this.#local = local;
    this.#slots = new Int32Array(ring.slotCount - firstSlot);
  }

  /** Begins to announce that a VIP is here. */
  announce(vip: string, nowMs: number): void {
    this.#announcing.set(vip, { left: ANNOUNCEMENTS, atMs: nowMs });
  }

  /** Stops announcing VIPs that are not in `vips`. */
  retain(vips: ReadonlySet<string>): void {
    for (const vip of this.#announcing.keys()) if (!vips.has(vip)) this.#announcing.delete(vip);
  }

  /** Sends the announcements that are due and the given requests. */
  tick(nowMs: number, requests: readonly DueRequest[]): void {
    for (const [vip, announcement] of this.#announcing) {
      if (announcement.atMs > nowMs) continue;
      announcement.atMs = nowMs + ANNOUNCE_INTERVAL_MS;
      announcement.left -= 1;
      if (announcement.left === 0) this.#announcing.delete(vip);
      // Some equipment learns from requests only, some from replies only.
      const address = ipv4FromText(vip);
      this.#write(arp.Operation.REQUEST, address, address, BROADCAST, { high: 0, low: 0 });
      this.#write(arp.Operation.REPLY, address, address, BROADCAST, BROADCAST);
    }
    for (const { targetAddress, senderAddress, mac } of requests) {
      this.#write(arp.Operation.REQUEST, senderAddress, targetAddress, mac ?? BROADCAST, { high: 0, low: 0 });
    }
    this.#flush();
  }

  #write(
    operation: number,
    senderAddress: number,
    targetAddress: number,
    destination: { high: number; low: number },
    targetMac: { high: number; low: number },
  ): void {
    if (this.#pending === this.#slots.length) this.#flush();
    const slot = this.#firstSlot + this.#pending;
    const at = FrameRing.frameAt(slot);
    const frame = this.#ring.view;
    this.#ring.frames[slot]!.fill(0, 0, SHORTEST_FRAME_BYTES);
    ethernet.setDestination(frame, at, destination.high, destination.low);
    ethernet.setSource(frame, at, this.#local.macHigh, this.#local.macLow);
    ethernet.setEtherType(frame, at, ethernet.EtherType.ARP);
    arp.emit(frame, at + ethernet.HEADER_BYTES, {
      operation,
      senderMacHigh: this.#local.macHigh,
      senderMacLow: this.#local.macLow,
      senderAddress,
      targetMacHigh: targetMac.high,
      targetMacLow: targetMac.low,
      targetAddress,
    });
    describeComplete(this.#ring, slot);
    this.#ring.lengths[slot] = SHORTEST_FRAME_BYTES;
    this.#slots[this.#pending++] = slot;
  }

  #flush(): void {
    if (this.#pending > 0) this.#port.transmit(this.#ring, this.#slots, this.#pending);
    this.#pending = 0;
  }
}
