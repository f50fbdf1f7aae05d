/**
 * How loaded a real server is, in the measure of IPVS.
 *
 * @module
 */

import type { ServerSet } from "./scheduler.ts";

/** A set without servers: what every scheduler holds before its first update. */
export const NO_SERVERS: ServerSet = {
  ids: [],
  weights: new Int32Array(0),
  active: new Int32Array(0),
  inactive: new Int32Array(0),
  overloaded: new Uint8Array(0),
};

/** Whether server `index` may get new connections. Hot path. */
export function isUsable(servers: ServerSet, index: number): boolean {
  return servers.weights[index]! > 0 && servers.overloaded[index] === 0;
}

/**
 * Connections of server `index` as Linux 6.1 weighs them: an active one costs as much as 257 inactive ones.
 * Hot path.
 */
export function connectionOverhead(servers: ServerSet, index: number): number {
  return servers.active[index]! * 257 + servers.inactive[index]!;
}
