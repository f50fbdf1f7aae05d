/**
 * `lblcr`: all connections to one destination go to a set of servers, which grows by one when even its least loaded
 * member has too many, and shrinks when it has not changed for a day. The connections of a service all have one
 * destination, its VIP.
 *
 * @module
 */

import { FULL_EXPIRATION_MS, isRelievable } from "./locality_least_connection.ts";
import { type NewFlow, NONE, type Scheduler, type ServerSet } from "./scheduler.ts";
import { movedIndexes } from "./server_identity.ts";
import { connectionOverhead, isUsable, NO_SERVERS } from "./server_load.ts";
import { leastLoadedForWeight } from "./weighted_least_connection.ts";

const NEVER = -Infinity;

export class LocalityReplication implements Scheduler {
  readonly name = "lblcr";
  #servers: ServerSet = NO_SERVERS;
  #ids: readonly string[] = [];
  /** 1 for each server that is in the destination's set. */
  #isMember = new Uint8Array(0);
  /** When the destination was asked for last; a typed array, because V8 would make an object of the number. */
  readonly #usedAtMs = Float64Array.of(NEVER);
  readonly #changedAtMs = Float64Array.of(0);

  /** Members that are still there stay members. */
  update(servers: ServerSet): void {
    const moved = movedIndexes(this.#ids, servers.ids);
    const isMember = new Uint8Array(servers.ids.length);
    for (const [server, index] of moved.entries()) {
      if (index !== NONE) isMember[index] = this.#isMember[server]!;
    }
    this.#isMember = isMember;
    this.#ids = servers.ids.slice();
    this.#servers = servers;
  }

  /** Cost: up to three walks over the servers. Hot path. */
  pick(_flow: NewFlow, nowMs: number): number {
    const servers = this.#servers;
    const isKnown = nowMs - this.#usedAtMs[0]! < FULL_EXPIRATION_MS;
    if (isKnown) {
      this.#usedAtMs[0] = nowMs;
      const least = this.#leastLoadedMember();
      if (nowMs - this.#changedAtMs[0]! >= FULL_EXPIRATION_MS) this.#shrink(nowMs);
      if (least !== NONE && !isRelievable(servers, least)) return least;
    }
    const picked = leastLoadedForWeight(servers);
    if (picked === NONE) return NONE;
    if (!isKnown) this.#isMember.fill(0);
    this.#usedAtMs[0] = nowMs;
    if (this.#isMember[picked] === 0) {
      this.#isMember[picked] = 1;
      this.#changedAtMs[0] = nowMs;
    }
    return picked;
  }

  save(): () => void {
    const isMember = this.#isMember.slice();
    const usedAtMs = this.#usedAtMs[0]!;
    const changedAtMs = this.#changedAtMs[0]!;
    return () => {
      this.#isMember.set(isMember);
      this.#usedAtMs[0] = usedAtMs;
      this.#changedAtMs[0] = changedAtMs;
    };
  }

  #leastLoadedMember(): number {
    const servers = this.#servers;
    const count = servers.weights.length;
    let least = NONE;
    let leastOverhead = 0;
    let leastWeight = 0;
    for (let index = 0; index < count; index++) {
      if (this.#isMember[index] === 0 || !isUsable(servers, index)) continue;
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
  #shrink(nowMs: number): void {
    const servers = this.#servers;
    const count = servers.weights.length;
    let members = 0;
    let most = NONE;
    let mostOverhead = 0;
    let mostWeight = 0;
    for (let index = 0; index < count; index++) {
      if (this.#isMember[index] === 0) continue;
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
    this.#isMember[most] = 0;
    this.#changedAtMs[0] = nowMs;
  }
}
