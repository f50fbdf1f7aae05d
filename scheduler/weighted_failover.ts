/**
 * `fo`: always the usable server with the greatest weight.
 *
 * @module
 */

import { NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";

export class WeightedFailover implements Scheduler {
  readonly name = "fo";
  #servers: ServerSet = NO_SERVERS;

  update(servers: ServerSet): void {
    this.#servers = servers;
  }

  /** Of equals, the first. Hot path. */
  pick(): number {
    const servers = this.#servers;
    const count = servers.weights.length;
    let heaviest = NONE;
    let greatestWeight = 0;
    for (let index = 0; index < count; index++) {
      if (servers.weights[index]! > greatestWeight && isUsable(servers, index)) {
        heaviest = index;
        greatestWeight = servers.weights[index]!;
      }
    }
    return heaviest;
  }
}
