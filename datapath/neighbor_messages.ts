/**
 * What Neighbor Discovery says about real servers (RFC 4861 §7.2.3, §7.2.5).
 *
 * @module
 */

import type { NeighborTable } from "./neighbor_table.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as ndp from "./wire/ndp.ts";

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
  if (mac === ndp.NO_OPTION) {
    // Linux leaves the MAC out where it was asked by unicast.
    return ndp.isSolicited(frame, message) && neighbors.confirmed(vlan, a, b, c, d, nowMs);
  }
  const high = ndp.macHigh(frame, mac);
  const low = ndp.macLow(frame, mac);
  return ndp.isOverriding(frame, message)
    ? neighbors.heard(vlan, a, b, c, d, high, low, nowMs)
    : neighbors.heardWithoutOverride(vlan, a, b, c, d, high, low, nowMs);
}
