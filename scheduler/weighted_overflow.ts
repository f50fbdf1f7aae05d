/**
 * `ovf`: the usable server with the greatest weight until it has more active connections than its weight says,
 * then the next.
 *
 * @module
 */

import { NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";

export class WeightedOverflow implements Scheduler {
  readonly name = "ovf";
  #servers: ServerSet = NO_SERVERS;

  update(servers: ServerSet): void {
    this.#servers = servers;
  }

  /** `NONE` also when every server has overflowed. Hot path. */
  pick(): number {
    const servers = this.#servers;
    const count = servers.weights.length;
    let heaviest = NONE;
    let greatestWeight = 0;
    for (let index = 0; index < count; index++) {
      const weight = servers.weights[index]!;
      if (weight > greatestWeight && servers.active[index]! <= weight && isUsable(servers, index)) {
        heaviest = index;
        greatestWeight = weight;
      }
    }
    return heaviest;
  }
}
