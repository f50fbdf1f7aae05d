/**
 * ARP and Neighbor Discovery packets the director sends of its own accord: requests for real servers, announcements
 * of VIPs.
 *
 * @module
 */

import { addressWords, familyOf, ipv4FromText, type Mac } from "../model/ip_address.ts";
import type { LocalInterface } from "./local_interface.ts";
import type { DueRequest, NeighborId } from "./neighbor_table.ts";
import type { OwnFrames } from "./own_frames.ts";
import * as arp from "./wire/arp.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as icmp from "./wire/icmpv6.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as ndp from "./wire/ndp.ts";

/** Bytes of a Neighbor Discovery message with a MAC. */
const MESSAGE_BYTES = ndp.HEADER_BYTES + ndp.LINK_LAYER_BYTES;
/** Times a VIP is announced, and the time between: two are enough (RFC 5227 §1.1), but frames do get lost. */
const ANNOUNCEMENTS = 5;
const ANNOUNCE_INTERVAL_MS = 1_000;

const BROADCAST: Mac = { high: 0xffff, low: 0xffffffff };
const NOBODY: Mac = { high: 0, low: 0 };
const ALL_NODES: Mac = { high: ndp.MULTICAST_MAC_HIGH, low: ndp.ALL_NODES_LAST };

export class ResolutionSender {
  readonly #frames: OwnFrames;
  readonly #local: LocalInterface;
  readonly #announcing = new Map<string, { readonly vip: NeighborId; left: number; atMs: number }>();

  constructor(frames: OwnFrames, local: LocalInterface) {
    this.#frames = frames;
    this.#local = local;
  }

  /** Begins to announce that a VIP is here. */
  announce(vip: NeighborId, nowMs: number): void {
    this.#announcing.set(keyOf(vip), { vip, left: ANNOUNCEMENTS, atMs: nowMs });
  }

  /** Announces once that a VIP is here, unless it is being announced anyway. */
  announceOnce(vip: NeighborId, nowMs: number): void {
    const key = keyOf(vip);
    if (!this.#announcing.has(key)) this.#announcing.set(key, { vip, left: 1, atMs: nowMs });
  }

  /** Stops announcing VIPs that are not in `vips`. */
  retain(vips: readonly NeighborId[]): void {
    const kept = new Set(vips.map(keyOf));
    for (const key of this.#announcing.keys()) if (!kept.has(key)) this.#announcing.delete(key);
  }

  /** Sends the announcements that are due and the given requests. */
  tick(nowMs: number, requests: readonly DueRequest[]): void {
    for (const [key, announcement] of this.#announcing) {
      if (announcement.atMs > nowMs) continue;
      announcement.atMs = nowMs + ANNOUNCE_INTERVAL_MS;
      announcement.left -= 1;
      if (announcement.left === 0) this.#announcing.delete(key);
      this.#announce(announcement.vip);
    }
    for (const request of requests) {
      if (familyOf(request.address) === 6) this.#solicit(request);
      else this.#request(request);
    }
    this.#frames.flush();
  }

  #announce({ address, vlan }: NeighborId): void {
    if (familyOf(address) === 6) {
      this.#advertise(address, vlan);
      return;
    }
    const number = ipv4FromText(address);
    // Some equipment learns from requests only, some from replies only.
    this.#writeArp(vlan, arp.Operation.REQUEST, number, number, BROADCAST, NOBODY);
    this.#writeArp(vlan, arp.Operation.REPLY, number, number, BROADCAST, BROADCAST);
  }

  #request({ address, vlan, sender, mac }: DueRequest): void {
    // Without an address of ours the request is a probe (RFC 5227 §1.1).
    const senderNumber = sender === null ? 0 : ipv4FromText(sender);
    this.#writeArp(
      vlan,
      arp.Operation.REQUEST,
      senderNumber,
      ipv4FromText(address),
      mac ?? BROADCAST,
      NOBODY,
    );
  }

  /** Tells everybody that an address is at our MAC (RFC 4861 §7.2.6). */
  #advertise(vip: string, vlan: number): void {
    const [a, b, c, d] = addressWords(vip);
    const ip = this.#frames.begin(ALL_NODES, vlan, ethernet.EtherType.IPV6);
    const message = ip + ipv6.HEADER_BYTES;
    const frame = this.#frames.view;
    ipv6.setSource(frame, ip, a, b, c, d);
    ipv6.setDestination(frame, ip, ndp.LINK_GROUP_FIRST, 0, 0, ndp.ALL_NODES_LAST);
    ndp.emit(frame, message, icmp.Type.NEIGHBOR_ADVERTISEMENT, ndp.Flag.OVERRIDE, a, b, c, d);
    this.#endMessage(ip, ndp.LinkLayer.OF_TARGET);
  }

  /** Asks for the MAC of an IPv6 address: everybody it could be, or the one who has it (RFC 4861 §7.2.2). */
  #solicit({ address, vlan, sender, mac }: DueRequest): void {
    const [a, b, c, d] = addressWords(address);
    const group = ndp.solicitedNodeLast(d);
    const destination = mac ?? { high: ndp.MULTICAST_MAC_HIGH, low: group };
    const ip = this.#frames.begin(destination, vlan, ethernet.EtherType.IPV6);
    const message = ip + ipv6.HEADER_BYTES;
    const frame = this.#frames.view;
    // Asking from no address at all would tell the neighbour that we want to have its address.
    if (sender === null) this.#frames.setLinkLocalSource(ip);
    else ipv6.setSource(frame, ip, ...addressWords(sender));
    if (mac === null) {
      ipv6.setDestination(frame, ip, ndp.LINK_GROUP_FIRST, 0, ndp.SOLICITED_NODE_THIRD, group);
    } else {
      ipv6.setDestination(frame, ip, a, b, c, d);
    }
    ndp.emit(frame, message, icmp.Type.NEIGHBOR_SOLICITATION, 0, a, b, c, d);
    this.#endMessage(ip, ndp.LinkLayer.OF_SOURCE);
  }

  #endMessage(ip: number, linkLayer: number): void {
    const { macHigh, macLow } = this.#local;
    const message = ip + ipv6.HEADER_BYTES;
    const frame = this.#frames.view;
    ipv6.emit(frame, ip, 0, MESSAGE_BYTES, ipv6.NextHeader.ICMPV6, ndp.HOP_LIMIT);
    ndp.emitLinkLayer(frame, message, linkLayer, macHigh, macLow);
    icmp.complete(frame, ip, message, MESSAGE_BYTES);
    this.#frames.endAt(message + MESSAGE_BYTES);
  }

  #writeArp(
    vlan: number,
    operation: number,
    senderAddress: number,
    targetAddress: number,
    destination: Mac,
    targetMac: Mac,
  ): void {
    const packet = this.#frames.begin(destination, vlan, ethernet.EtherType.ARP);
    arp.emit(this.#frames.view, packet, {
      operation,
      senderMacHigh: this.#local.macHigh,
      senderMacLow: this.#local.macLow,
      senderAddress,
      targetMacHigh: targetMac.high,
      targetMacLow: targetMac.low,
      targetAddress,
    });
    this.#frames.endAt(packet + arp.PACKET_BYTES);
  }
}

function keyOf({ address, vlan }: NeighborId): string {
  return `${address} ${vlan}`;
}
