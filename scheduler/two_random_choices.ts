/**
 * `twos`: two servers drawn by weight, of which the less loaded one gets the connection.
 *
 * @module
 */

import { NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { connectionOverhead, NO_SERVERS } from "./server_load.ts";
import { usableServerAt, usableWeight } from "./weighted_draw.ts";

export class TwoRandomChoices implements Scheduler {
  readonly name = "twos";
  #servers: ServerSet = NO_SERVERS;
  readonly #random: () => number;

  /** @param random 32 random bits at each call. */
  constructor(random: () => number) {
    this.#random = random;
  }

  update(servers: ServerSet): void {
    this.#servers = servers;
  }

  /** Of equals, the first drawn. Hot path. */
  pick(): number {
    const servers = this.#servers;
    const total = usableWeight(servers);
    if (total === 0) return NONE;
    const first = usableServerAt(servers, this.#random(), total);
    const second = usableServerAt(servers, this.#random(), total);
    const firstLoad = connectionOverhead(servers, first) * servers.weights[second]!;
    const secondLoad = connectionOverhead(servers, second) * servers.weights[first]!;
    return secondLoad < firstLoad ? second : first;
  }
}
