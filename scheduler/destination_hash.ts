/**
 * `dh`: the server is a function of the destination address.
 *
 * @module
 */

import { foldAddress, hashWord } from "./address_hash.ts";
import { type NewFlow, NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";

const SLOT_BITS = 8; // CONFIG_IP_VS_DH_TAB_BITS

export class DestinationHash implements Scheduler {
  readonly name = "dh";
  #servers: ServerSet = NO_SERVERS;
  readonly #slots = new Int32Array(1 << SLOT_BITS).fill(NONE);

  /** Slots go to the servers in turn; weights do not count, except that servers that are down get none. */
  update(servers: ServerSet): void {
    this.#servers = servers;
    const present = Int32Array.from(servers.ids.keys()).filter((index) => servers.weights[index]! >= 0);
    for (let slot = 0; slot < this.#slots.length; slot++) {
      this.#slots[slot] = present[slot % present.length] ?? NONE;
    }
  }

  /** `NONE` also when only the destination's own server cannot be used. Hot path. */
  pick(flow: NewFlow): number {
    const server = this.#slots[hashWord(foldAddress(flow.destination), SLOT_BITS)]!;
    return server !== NONE && isUsable(this.#servers, server) ? server : NONE;
  }
}
