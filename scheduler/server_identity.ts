/**
 * Following real servers through an update, in which their indexes change.
 *
 * @module
 */

import { NONE, type ServerSet } from "./scheduler.ts";

/** The parts of a {@linkcode ServerSet} that an update can change, copied so that they can be compared later. */
export interface KnownServers {
  readonly ids: readonly string[];
  readonly weights: Int32Array;
}

/** Copies what {@linkcode isUnchanged} needs. */
export function remember(servers: ServerSet): KnownServers {
  return { ids: servers.ids.slice(), weights: servers.weights.slice() };
}

/** Whether `servers` has the same servers in the same order with the same weights as `known`. */
export function isUnchanged(known: KnownServers, servers: ServerSet): boolean {
  return known.ids.length === servers.ids.length &&
    known.ids.every((id, index) => id === servers.ids[index]) &&
    known.weights.every((weight, index) => weight === servers.weights[index]);
}

/** For each index into `before` the index of the same server in `after`, or {@linkcode NONE} if it left. */
export function movedIndexes(before: readonly string[], after: readonly string[]): Int32Array {
  const indexOf = new Map(after.map((id, index) => [id, index]));
  return Int32Array.from(before, (id) => indexOf.get(id) ?? NONE);
}
