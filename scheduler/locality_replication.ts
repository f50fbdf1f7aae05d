/**
 * `lblcr`: all connections to one destination go to a set of servers, which grows by one when even its least loaded
 * member has too many, and shrinks when it has not changed for a day.
 *
 * @module
 */

import { CACHE_ENTRIES, DestinationCache, FULL_EXPIRATION_MS } from "./destination_cache.ts";
import { isRelievable } from "./locality_least_connection.ts";
import { type NewFlow, NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { movedIndexes } from "./server_identity.ts";
import { connectionOverhead, isUsable, NO_SERVERS } from "./server_load.ts";
import { leastLoadedForWeight } from "./weighted_least_connection.ts";

export class LocalityReplication implements Scheduler {
  readonly name = "lblcr";
  #servers: ServerSet = NO_SERVERS;
  #ids: readonly string[] = [];
  readonly #destinations = new DestinationCache();
  /** One bit for every server and cache entry: whether the server is in the destination's set. */
  #members = new Uint32Array(0);
  #wordsPerSet = 0;
  readonly #changedAtMs = new Float64Array(CACHE_ENTRIES);

  /** Members that are still there stay members. */
  update(servers: ServerSet): void {
    const moved = movedIndexes(this.#ids, servers.ids);
    const wordsPerSet = (servers.ids.length + 31) >>> 5;
    const members = new Uint32Array(CACHE_ENTRIES * wordsPerSet);
    for (let word = 0; word < this.#members.length; word++) {
      const entry = Math.floor(word / this.#wordsPerSet);
      const firstServer = (word % this.#wordsPerSet) * 32;
      for (let bits = this.#members[word]!; bits !== 0; bits &= bits - 1) {
        const now = moved[firstServer + 31 - Math.clz32(bits & -bits)]!;
        if (now !== NONE) members[entry * wordsPerSet + (now >>> 5)]! |= 1 << (now & 31);
      }
    }
    this.#members = members;
    this.#wordsPerSet = wordsPerSet;
    this.#ids = servers.ids.slice();
    this.#servers = servers;
  }

  /** Cost: up to three walks over the servers. Hot path. */
  pick(flow: NewFlow, nowMs: number): number {
    const servers = this.#servers;
    let entry = this.#destinations.find(flow.destination, nowMs);
    if (entry !== NONE) {
      const least = this.#leastLoadedMember(entry);
      if (nowMs - this.#changedAtMs[entry]! >= FULL_EXPIRATION_MS) this.#shrink(entry, nowMs);
      if (least !== NONE && !isRelievable(servers, least)) return least;
    }
    const picked = leastLoadedForWeight(servers);
    if (picked === NONE) return NONE;
    if (entry === NONE) {
      entry = this.#destinations.add(flow.destination, nowMs);
      const start = entry * this.#wordsPerSet;
      for (let word = start; word < start + this.#wordsPerSet; word++) this.#members[word] = 0;
    }
    if (!this.#isMember(entry, picked)) {
      this.#members[entry * this.#wordsPerSet + (picked >>> 5)]! |= 1 << (picked & 31);
      this.#changedAtMs[entry] = nowMs;
    }
    return picked;
  }

  save(): () => void {
    const putBack = this.#destinations.save();
    const members = this.#members.slice();
    const changedAtMs = this.#changedAtMs.slice();
    return () => {
      putBack();
      this.#members.set(members);
      this.#changedAtMs.set(changedAtMs);
    };
  }

  #isMember(entry: number, server: number): boolean {
    return (this.#members[entry * this.#wordsPerSet + (server >>> 5)]! >>> (server & 31) & 1) === 1;
  }

  #leastLoadedMember(entry: number): number {
    const servers = this.#servers;
    const count = servers.weights.length;
    let least = NONE;
    let leastOverhead = 0;
    let leastWeight = 0;
    for (let index = 0; index < count; index++) {
      if (!this.#isMember(entry, index) || !isUsable(servers, index)) continue;
      const overhead = connectionOverhead(servers, index);
      const weight = servers.weights[index]!;
      if (least === NONE || leastOverhead * weight > overhead * leastWeight) {
        least = index;
        leastOverhead = overhead;
        leastWeight = weight;
      }
    }
    return least;
  }

  /** Takes the most loaded member out of a set of two or more. */
  #shrink(entry: number, nowMs: number): void {
    const servers = this.#servers;
    const count = servers.weights.length;
    let members = 0;
    let most = NONE;
    let mostOverhead = 0;
    let mostWeight = 0;
    for (let index = 0; index < count; index++) {
      if (!this.#isMember(entry, index)) continue;
      members++;
      const weight = servers.weights[index]!;
      if (weight <= 0) continue;
      const overhead = connectionOverhead(servers, index);
      if (most === NONE || mostOverhead * weight < overhead * mostWeight) {
        most = index;
        mostOverhead = overhead;
        mostWeight = weight;
      }
    }
    if (members < 2 || most === NONE) return;
    this.#members[entry * this.#wordsPerSet + (most >>> 5)]! &= ~(1 << (most & 31));
    this.#changedAtMs[entry] = nowMs;
  }
}
