/**
 * `nq`: the first server without active connections, else as `sed`.
 *
 * @module
 */

import type { Scheduler, ServerSet } from "./scheduler.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";
import { shortestDelay } from "./shortest_expected_delay.ts";

export class NeverQueue implements Scheduler {
  readonly name = "nq";
  #servers: ServerSet = NO_SERVERS;

  update(servers: ServerSet): void {
    this.#servers = servers;
  }

  /** Hot path. */
  pick(): number {
    const servers = this.#servers;
    const count = servers.weights.length;
    for (let index = 0; index < count; index++) {
      if (servers.active[index] === 0 && isUsable(servers, index)) return index;
    }
    return shortestDelay(servers);
  }
}
