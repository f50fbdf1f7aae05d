/**
 * `wlc`: the server with the fewest connections for its weight.
 *
 * @module
 */

import { NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { connectionOverhead, isUsable, NO_SERVERS } from "./server_load.ts";

export class WeightedLeastConnection implements Scheduler {
  readonly name = "wlc";
  #servers: ServerSet = NO_SERVERS;

  update(servers: ServerSet): void {
    this.#servers = servers;
  }

  /** Of equals, the first. Hot path. */
  pick(): number {
    return leastLoadedForWeight(this.#servers);
  }
}

/** Usable server with the least overhead per weight, the first of equals, or `NONE`. Hot path. */
export function leastLoadedForWeight(servers: ServerSet): number {
  const count = servers.weights.length;
  let least = NONE;
  let leastOverhead = 0;
  let leastWeight = 0;
  for (let index = 0; index < count; index++) {
    if (!isUsable(servers, index)) continue;
    const overhead = connectionOverhead(servers, index);
    const weight = servers.weights[index]!;
    // Products instead of quotients are exact: 257 × 2³¹ × 65,535 is below 2⁵³ many times over.
    if (least === NONE || leastOverhead * weight > overhead * leastWeight) {
      least = index;
      leastOverhead = overhead;
      leastWeight = weight;
    }
  }
  return least;
}
