/**
 * `sed`: the server that would have the fewest active connections for its weight after getting this one.
 *
 * @module
 */

import { NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";

export class ShortestExpectedDelay implements Scheduler {
  readonly name = "sed";
  #servers: ServerSet = NO_SERVERS;

  update(servers: ServerSet): void {
    this.#servers = servers;
  }

  /** Of equals, the first. Hot path. */
  pick(): number {
    return shortestDelay(this.#servers);
  }
}

/** Usable server with the least (active + 1) / weight, the first of equals, or `NONE`. Hot path. */
export function shortestDelay(servers: ServerSet): number {
  const count = servers.weights.length;
  let shortest = NONE;
  let shortestQueue = 0;
  let shortestWeight = 0;
  for (let index = 0; index < count; index++) {
    if (!isUsable(servers, index)) continue;
    const queue = servers.active[index]! + 1;
    const weight = servers.weights[index]!;
    if (shortest === NONE || shortestQueue * weight > queue * shortestWeight) {
      shortest = index;
      shortestQueue = queue;
      shortestWeight = weight;
    }
  }
  return shortest;
}
