/**
 * `lblc`: all connections to one destination go to one server until it has too many; then and at first, `wlc`.
 *
 * @module
 */

import { CACHE_ENTRIES, DestinationCache } from "./destination_cache.ts";
import { type NewFlow, NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { movedIndexes } from "./server_identity.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";
import { leastLoadedForWeight } from "./weighted_least_connection.ts";

export class LocalityLeastConnection implements Scheduler {
  readonly name = "lblc";
  #servers: ServerSet = NO_SERVERS;
  #ids: readonly string[] = [];
  readonly #destinations = new DestinationCache();
  /** Server of each cache entry, or `NONE`. */
  readonly #server = new Int32Array(CACHE_ENTRIES).fill(NONE);

  update(servers: ServerSet): void {
    const moved = movedIndexes(this.#ids, servers.ids);
    for (let entry = 0; entry < CACHE_ENTRIES; entry++) {
      const server = this.#server[entry]!;
      if (server !== NONE) this.#server[entry] = moved[server]!;
    }
    this.#ids = servers.ids.slice();
    this.#servers = servers;
  }

  /** Cost: one walk over the servers where the destination's own server is busy or unknown. Hot path. */
  pick(flow: NewFlow, nowMs: number): number {
    const servers = this.#servers;
    let entry = this.#destinations.find(flow.destination, nowMs);
    if (entry !== NONE) {
      const cached = this.#server[entry]!;
      if (cached !== NONE && isUsable(servers, cached) && !isRelievable(servers, cached)) return cached;
    }
    const picked = leastLoadedForWeight(servers);
    if (picked === NONE) return NONE;
    if (entry === NONE) entry = this.#destinations.add(flow.destination, nowMs);
    this.#server[entry] = picked;
    return picked;
  }

  save(): () => void {
    const putBack = this.#destinations.save();
    const server = this.#server.slice();
    return () => {
      putBack();
      this.#server.set(server);
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
