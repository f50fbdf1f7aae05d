/**
 * `lc`: the server with the fewest connections, whatever its weight.
 *
 * @module
 */

import { NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { connectionOverhead, isUsable, NO_SERVERS } from "./server_load.ts";

export class LeastConnection implements Scheduler {
  readonly name = "lc";
  #servers: ServerSet = NO_SERVERS;

  update(servers: ServerSet): void {
    this.#servers = servers;
  }

  /** Of equals, the first. Hot path. */
  pick(): number {
    const servers = this.#servers;
    const count = servers.weights.length;
    let least = NONE;
    let leastOverhead = Infinity;
    for (let index = 0; index < count; index++) {
      if (!isUsable(servers, index)) continue;
      const overhead = connectionOverhead(servers, index);
      if (overhead < leastOverhead) {
        least = index;
        leastOverhead = overhead;
      }
    }
    return least;
  }
}
