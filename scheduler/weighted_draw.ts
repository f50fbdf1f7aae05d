/**
 * Drawing a usable server in proportion to its weight.
 *
 * @module
 */

import { NONE, type ServerSet } from "./scheduler.ts";
import { isUsable } from "./server_load.ts";

/** Sum of the weights of all usable servers. Hot path. */
export function usableWeight(servers: ServerSet): number {
  const count = servers.weights.length;
  let sum = 0;
  for (let index = 0; index < count; index++) {
    if (isUsable(servers, index)) sum += servers.weights[index]!;
  }
  return sum;
}

/**
 * The usable server that owns the point `fraction` / 2³² of the usable weights laid end to end, or `NONE`.
 * Hot path.
 *
 * @param fraction 32 random or hashed bits; the sign does not matter.
 * @param total What {@linkcode usableWeight} returned.
 */
export function usableServerAt(servers: ServerSet, fraction: number, total: number): number {
  const count = servers.weights.length;
  let rest = Math.floor((fraction >>> 0) / 0x1_0000_0000 * total);
  for (let index = 0; index < count; index++) {
    if (!isUsable(servers, index)) continue;
    rest -= servers.weights[index]!;
    if (rest < 0) return index;
  }
  return NONE;
}
