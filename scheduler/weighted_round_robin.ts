/**
 * `wrr`: servers in turn, in proportion to their weights.
 *
 * The list is walked in turns, each with a level; a turn takes the servers whose weight reaches the level. Levels
 * fall from the greatest weight in steps of the weights' greatest common divisor and start again at the top.
 *
 * @module
 */

import { NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { isUnchanged, type KnownServers, remember } from "./server_identity.ts";
import { isUsable, NO_SERVERS } from "./server_load.ts";

export class WeightedRoundRobin implements Scheduler {
  readonly name = "wrr";
  #servers: ServerSet = NO_SERVERS;
  #known: KnownServers = remember(NO_SERVERS);
  /** The server picked last in this turn; `NONE` stands before the first. */
  #last = NONE;
  #step = 1;
  #topLevel = 0;
  /** Always a multiple of the step plus one; 0 while no server has a weight. */
  #level = 0;

  /** A change starts a new turn at the level reached so far, as in IPVS; an update without change does nothing. */
  update(servers: ServerSet): void {
    this.#servers = servers;
    if (isUnchanged(this.#known, servers)) return;
    this.#known = remember(servers);
    this.#last = NONE;
    this.#step = divisorOfWeights(servers.weights);
    this.#topLevel = servers.weights.reduce((a, b) => Math.max(a, b), 0) - (this.#step - 1);
    this.#level = this.#adjustedLevel();
  }

  /** Cost: two walks over the servers at most. Hot path. */
  pick(): number {
    const servers = this.#servers;
    const picked = nextAtLevel(servers, this.#last + 1, this.#level);
    if (picked !== NONE) {
      this.#last = picked;
      return picked;
    }
    const reachable = highestUsableWeight(servers) - (this.#step - 1);
    if (reachable < 1) return NONE;
    let level = this.#level - this.#step;
    if (level < 1) level = this.#topLevel;
    // Turns between the two would find nobody: with a weight of 65,535 overloaded they could be 65,534.
    if (level > reachable) level = reachable;
    this.#level = level;
    this.#last = nextAtLevel(servers, 0, level);
    return this.#last;
  }

  save(): () => void {
    const last = this.#last;
    const level = this.#level;
    return () => {
      this.#last = last;
      this.#level = level;
    };
  }

  #adjustedLevel(): number {
    if (this.#topLevel === 0) return 0;
    // IPVS learns of servers one by one, and alone the first of them has no level but the lowest.
    if (this.#level === 0) return 1;
    if (this.#level > this.#topLevel) return this.#topLevel;
    return this.#step === 1 ? this.#level : Math.floor(this.#level / this.#step) * this.#step + 1;
  }
}

function nextAtLevel(servers: ServerSet, from: number, level: number): number {
  const count = servers.weights.length;
  for (let index = from; index < count; index++) {
    if (servers.weights[index]! >= level && isUsable(servers, index)) return index;
  }
  return NONE;
}

function highestUsableWeight(servers: ServerSet): number {
  const count = servers.weights.length;
  let highest = 0;
  for (let index = 0; index < count; index++) {
    if (servers.weights[index]! > highest && isUsable(servers, index)) highest = servers.weights[index]!;
  }
  return highest;
}

/** Greatest common divisor of the weights above 0; 1 if there are none. */
function divisorOfWeights(weights: Int32Array): number {
  let divisor = 0;
  for (const weight of weights) {
    let rest = Math.max(weight, 0);
    while (rest !== 0) [divisor, rest] = [rest, divisor % rest];
  }
  return divisor || 1;
}
