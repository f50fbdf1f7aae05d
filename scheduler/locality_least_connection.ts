/**
 * `lblc`: all connections to one destination go to one server until it has too many; then and at first, `wlc`. The
 * connections of a service all have one destination, its VIP.
 *
 * @module
 */

import { type NewFlow, NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { movedIndexes } from "./server_identity.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";
import { leastLoadedForWeight } from "./weighted_least_connection.ts";

/** Age at which IPVS forgets what it knows of a destination. */
export const FULL_EXPIRATION_MS = 24 * 60 * 60 * 1000;

const NEVER = -Infinity;

export class LocalityLeastConnection implements Scheduler {
  readonly name = "lblc";
  #servers: ServerSet = NO_SERVERS;
  #ids: readonly string[] = [];
  /** Server of the destination, or `NONE`. */
  #server = NONE;
  /** When the destination was asked for last; a typed array, because V8 would make an object of the number. */
  readonly #usedAtMs = Float64Array.of(NEVER);

  update(servers: ServerSet): void {
    if (this.#server !== NONE) this.#server = movedIndexes(this.#ids, servers.ids)[this.#server]!;
    this.#ids = servers.ids.slice();
    this.#servers = servers;
  }

  /** Cost: one walk over the servers where the destination's own server is busy or unknown. Hot path. */
  pick(_flow: NewFlow, nowMs: number): number {
    const servers = this.#servers;
    const known = nowMs - this.#usedAtMs[0]! < FULL_EXPIRATION_MS ? this.#server : NONE;
    if (known !== NONE) this.#usedAtMs[0] = nowMs;
    if (known !== NONE && isUsable(servers, known) && !isRelievable(servers, known)) return known;
    const picked = leastLoadedForWeight(servers);
    if (picked === NONE) return NONE;
    this.#server = picked;
    this.#usedAtMs[0] = nowMs;
    return picked;
  }

  save(): () => void {
    const server = this.#server;
    const usedAtMs = this.#usedAtMs[0]!;
    return () => {
      this.#server = server;
      this.#usedAtMs[0] = usedAtMs;
    };
  }
}

/** Whether a server has more active connections than its weight while another has less than half. Hot path. */
export function isRelievable(servers: ServerSet, server: number): boolean {
  if (servers.active[server]! <= servers.weights[server]!) return false;
  const count = servers.weights.length;
  for (let index = 0; index < count; index++) {
    if (servers.active[index]! * 2 < servers.weights[index]!) return true;
  }
  return false;
}
