/**
 * `mh`: the server is a function of the client's address, with `mh-port` also of its port, and nearly all clients
 * keep theirs when a server comes or goes.
 *
 * The key makes the function secret, so that nobody can aim at one server; directors with the same key choose alike.
 *
 * @module
 */

import type { SchedulerOption } from "../model/config.ts";
import { buildMaglevTable, MAGLEV_SLOTS } from "./maglev_table.ts";
import { type NewFlow, NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { isUnchanged, type KnownServers, remember } from "./server_identity.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";
import { sipHash24 } from "./siphash.ts";
import { usableServerAt, usableWeight } from "./weighted_draw.ts";

/** Tries that `mh-fallback` makes by hashing again: while half the weight is usable, one in 2³² fails them all. */
const REHASHES = 32;

export class Maglev implements Scheduler {
  readonly name = "mh";
  #servers: ServerSet = NO_SERVERS;
  /** Servers and weights the slots were dealt by: for a quiesced server the last weight it had before. */
  #dealt: KnownServers = remember(NO_SERVERS);
  #slots = new Int32Array(MAGLEV_SLOTS).fill(NONE);
  readonly #usesPort: boolean;
  readonly #fallsBack: boolean;
  readonly #key: Uint32Array;
  /** Address, port and number of the try, as the hash takes them. */
  readonly #message = new Uint32Array(6);
  readonly #hash = new Uint32Array(2);

  constructor(options: readonly SchedulerOption[], hashKey: Uint32Array) {
    this.#usesPort = options.includes("mh-port");
    this.#fallsBack = options.includes("mh-fallback");
    this.#key = hashKey;
  }

  /** A quiesced server keeps its slots, so the clients of the others do not move; one that is down loses them. */
  update(servers: ServerSet): void {
    this.#servers = servers;
    const lastWeights = new Map(this.#dealt.ids.map((id, index) => [id, this.#dealt.weights[index]!]));
    const weights = servers.weights.map((weight, index) =>
      weight === 0 ? lastWeights.get(servers.ids[index]!) ?? 0 : weight
    );
    const dealt = { ...servers, weights };
    if (isUnchanged(this.#dealt, dealt)) return;
    this.#slots = buildMaglevTable(servers.ids, weights, this.#key);
    this.#dealt = remember(dealt);
  }

  /** Without `mh-fallback`, `NONE` also when only the client's own server cannot be used. Hot path. */
  pick(flow: NewFlow): number {
    this.#message[0] = flow.source[0]!;
    this.#message[1] = flow.source[1]!;
    this.#message[2] = flow.source[2]!;
    this.#message[3] = flow.source[3]!;
    this.#message[4] = this.#usesPort ? flow.sourcePort : 0;
    let server = this.#serverOfTry(0);
    if (server === NONE || isUsable(this.#servers, server)) return server;
    if (!this.#fallsBack) return NONE;
    for (let tries = 1; tries <= REHASHES; tries++) {
      server = this.#serverOfTry(tries);
      if (isUsable(this.#servers, server)) return server;
    }
    // Nearly nobody is left: the last hash chooses among those who are.
    return usableServerAt(this.#servers, this.#hash[1]! | 0, usableWeight(this.#servers));
  }

  #serverOfTry(tries: number): number {
    this.#message[5] = tries;
    sipHash24(this.#key, this.#message, 24, this.#hash);
    return this.#slots[this.#hash[0]! % MAGLEV_SLOTS]!;
  }
}
