/**
 * `sh`: the server is a function of the client's address, with `sh-port` also of its port.
 *
 * @module
 */

import type { SchedulerOption } from "../model/config.ts";
import { foldAddress, hashWord } from "./address_hash.ts";
import { type NewFlow, NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";

const SLOT_BITS = 8; // CONFIG_IP_VS_SH_TAB_BITS
const SLOTS = 1 << SLOT_BITS;

export class SourceHash implements Scheduler {
  readonly name = "sh";
  #servers: ServerSet = NO_SERVERS;
  readonly #slots = new Int32Array(SLOTS).fill(NONE);
  readonly #usesPort: boolean;
  readonly #fallsBack: boolean;

  constructor(options: readonly SchedulerOption[]) {
    this.#usesPort = options.includes("sh-port");
    this.#fallsBack = options.includes("sh-fallback");
  }

  /**
   * Slots go to the servers in turn, as many at a time as the weight says. As in IPVS a quiesced server holds one
   * slot a turn, and weights that add up to more than 256 leave the last servers without any.
   */
  update(servers: ServerSet): void {
    this.#servers = servers;
    this.#slots.fill(NONE);
    if (!servers.weights.some((weight) => weight >= 0)) return;
    let slot = 0;
    for (let server = 0; slot < SLOTS; server = (server + 1) % servers.ids.length) {
      const weight = servers.weights[server]!;
      if (weight < 0) continue;
      const end = slot + Math.max(weight, 1);
      this.#slots.fill(server, slot, end);
      slot = end;
    }
  }

  /** Without `sh-fallback`, `NONE` also when only the client's own server cannot be used. Hot path. */
  pick(flow: NewFlow): number {
    const word = foldAddress(flow.source) + (this.#usesPort ? flow.sourcePort : 0);
    const home = hashWord(word, SLOT_BITS);
    const server = this.#slots[home]!;
    if (server === NONE || isUsable(this.#servers, server)) return server;
    return this.#fallsBack ? this.#fallback(home) : NONE;
  }

  /** IPVS adds the probe's number and the home slot to the hash, so the search starts at twice the home slot. */
  #fallback(home: number): number {
    for (let offset = 0; offset < SLOTS; offset++) {
      const server = this.#slots[(offset + home + home) & (SLOTS - 1)]!;
      if (isUsable(this.#servers, server)) return server;
    }
    return NONE;
  }
}
