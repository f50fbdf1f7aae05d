/**
 * `rr`: every usable server in turn.
 *
 * @module
 */

import { NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { movedIndexes } from "./server_identity.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";

export class RoundRobin implements Scheduler {
  readonly name = "rr";
  #servers: ServerSet = NO_SERVERS;
  #ids: readonly string[] = [];
  /** The server picked last; `NONE` stands before the first. */
  #last = NONE;

  /** The turn stays with the server that had it; if that one left, with its nearest remaining predecessor. */
  update(servers: ServerSet): void {
    const moved = movedIndexes(this.#ids, servers.ids);
    let before = this.#last;
    while (before !== NONE && moved[before] === NONE) before--;
    this.#last = before === NONE ? NONE : moved[before]!;
    this.#ids = servers.ids.slice();
    this.#servers = servers;
  }

  /** Cost: the servers skipped. Hot path. */
  pick(): number {
    const servers = this.#servers;
    const count = servers.weights.length;
    let index = this.#last;
    for (let tried = 0; tried < count; tried++) {
      index = index + 1 < count ? index + 1 : 0;
      if (isUsable(servers, index)) {
        this.#last = index;
        return index;
      }
    }
    return NONE;
  }

  save(): () => void {
    const last = this.#last;
    return () => this.#last = last;
  }
}
