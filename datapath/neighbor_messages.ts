/**
 * What ARP and Neighbor Discovery say about real servers (RFC 826; RFC 4861 §7.2.3, §7.2.5).
 *
 * @module
 */

import { IPV4_MAPPED } from "../model/ip_address.ts";
import { type NeighborTable, Sign } from "./neighbor_table.ts";
import * as arp from "./wire/arp.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as ndp from "./wire/ndp.ts";

/**
 * Takes note of whom an ARP packet, IPv4 over Ethernet, comes from. Hot path.
 *
 * @param ethernetAt Absolute offset of the frame, which is for us or a group, and `message` that of the packet.
 * @returns Whether it comes from a real server.
 */
export function hearArp(
  neighbors: NeighborTable,
  frame: DataView,
  ethernetAt: number,
  message: number,
  vlan: number,
  nowMs: number,
): boolean {
  // An answer goes to who has asked (RFC 826), an announcement to everybody.
  const isAnswer = arp.operation(frame, message) === arp.Operation.REPLY &&
    !ethernet.isGroupDestination(frame, ethernetAt);
  return neighbors.heard(
    vlan,
    0,
    0,
    IPV4_MAPPED,
    arp.senderAddress(frame, message),
    arp.senderMacHigh(frame, message),
    arp.senderMacLow(frame, message),
    isAnswer ? Sign.ANSWER : Sign.UNASKED,
    nowMs,
  );
}

/**
 * Takes note of whom a valid solicitation comes from. Hot path.
 *
 * @param ip Absolute offset of the packet, and `message` that of the `bytes` bytes of the solicitation.
 * @returns Whether it comes from a real server.
 */
export function hearSolicitation(
  neighbors: NeighborTable,
  frame: DataView,
  ip: number,
  message: number,
  bytes: number,
  vlan: number,
  nowMs: number,
): boolean {
  const mac = ndp.linkLayerAddress(frame, message, bytes, ndp.LinkLayer.OF_SOURCE);
  return mac !== ndp.NO_OPTION && neighbors.heard(
    vlan,
    ipv6.sourceWord(frame, ip, 0),
    ipv6.sourceWord(frame, ip, 1),
    ipv6.sourceWord(frame, ip, 2),
    ipv6.sourceWord(frame, ip, 3),
    ndp.macHigh(frame, mac),
    ndp.macLow(frame, mac),
    Sign.UNASKED,
    nowMs,
  );
}

/**
 * Takes note of a valid advertisement. Hot path.
 *
 * @param message Absolute offset of its `bytes` bytes.
 * @returns Whether it is about a real server.
 */
export function hearAdvertisement(
  neighbors: NeighborTable,
  frame: DataView,
  message: number,
  bytes: number,
  vlan: number,
  nowMs: number,
): boolean {
  const a = ndp.targetWord(frame, message, 0);
  const b = ndp.targetWord(frame, message, 1);
  const c = ndp.targetWord(frame, message, 2);
  const d = ndp.targetWord(frame, message, 3);
  const mac = ndp.linkLayerAddress(frame, message, bytes, ndp.LinkLayer.OF_TARGET);
  const isAnswer = ndp.isSolicited(frame, message);
  // Linux leaves the MAC out where it was asked by unicast.
  if (mac === ndp.NO_OPTION) return isAnswer && neighbors.confirmed(vlan, a, b, c, d, nowMs);
  const answer = ndp.isOverriding(frame, message) ? Sign.ANSWER : Sign.ANSWER_OF_PROXY;
  const high = ndp.macHigh(frame, mac);
  const low = ndp.macLow(frame, mac);
  return neighbors.heard(vlan, a, b, c, d, high, low, isAnswer ? answer : Sign.UNASKED, nowMs);
}
