/**
 * Where the fragments of a packet go: only the first one has ports, the others follow it by the packet's identity
 * (source, destination and identification, over IPv4 the protocol too: RFC 791 §3.2, RFC 8200 §4.5).
 *
 * A table of four places for each hash value. A packet that finds them all taken pushes out the one that would expire
 * first, so that the memory is bounded; the hash is keyed, so that nobody can choose whose packet that is.
 *
 * @module
 */

import { NONE } from "./connection_table.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import type { Packet } from "./packet.ts";

/** How long a packet's first fragment is remembered: as long as Linux waits for the others (ipfrag_time, ip-sysctl). */
const LIFETIME_MS = 30_000;
const SETS = 2_048;
const PLACES_PER_SET = 4;
const PLACES = SETS * PLACES_PER_SET;

export class FragmentTable {
  readonly #hash: KeyedHash;
  /** Four words each. */
  readonly #clients = new Uint32Array(PLACES * 4);
  readonly #vipIdentities = new Uint16Array(PLACES);
  readonly #numbers = new Int32Array(PLACES);
  readonly #destinations = new Int32Array(PLACES).fill(NONE);
  readonly #firstBytes = new Int32Array(PLACES);
  readonly #expiries = new Int32Array(PLACES);

  constructor(hash: KeyedHash) {
    this.#hash = hash;
  }

  /**
   * Place of the packet that a fragment belongs to, or {@linkcode NONE}. Valid until the next packet is remembered.
   * Hot path.
   */
  recall(packet: Packet, nowMs: number): number {
    const first = this.#firstPlace(packet);
    for (let place = first; place < first + PLACES_PER_SET; place++) {
      if (this.#isOf(place, packet) && this.#isAlive(place, nowMs)) return place;
    }
    return NONE;
  }

  /** Identity of the destination of a packet. Hot path. */
  destination(place: number): number {
    return this.#destinations[place]!;
  }

  /** Payload bytes of a packet's first fragment. Hot path. */
  firstBytes(place: number): number {
    return this.#firstBytes[place]!;
  }

  /** Remembers where a packet goes, of which this is the first fragment. Hot path. */
  remember(packet: Packet, destination: number, nowMs: number): void {
    let place = this.recall(packet, nowMs);
    if (place === NONE) place = this.#placeFor(this.#firstPlace(packet), nowMs);
    for (let word = 0; word < 4; word++) this.#clients[place * 4 + word] = packet.client[word]!;
    this.#vipIdentities[place] = packet.vipIdentity;
    this.#numbers[place] = packet.fragmentNumber;
    this.#destinations[place] = destination;
    this.#firstBytes[place] = packet.fragmentBytes;
    this.#expiries[place] = nowMs + LIFETIME_MS;
  }

  #placeFor(first: number, nowMs: number): number {
    let best = first;
    for (let place = first; place < first + PLACES_PER_SET; place++) {
      if (!this.#isAlive(place, nowMs)) return place;
      if (((this.#expiries[place]! - this.#expiries[best]!) | 0) < 0) best = place;
    }
    return best;
  }

  #isAlive(place: number, nowMs: number): boolean {
    return this.#destinations[place] !== NONE && ((this.#expiries[place]! - nowMs) | 0) > 0;
  }

  #isOf(place: number, { client, vipIdentity, fragmentNumber }: Packet): boolean {
    const at = place * 4;
    const clients = this.#clients;
    return this.#numbers[place] === fragmentNumber && this.#vipIdentities[place] === vipIdentity &&
      clients[at + 3] === client[3] && clients[at + 2] === client[2] && clients[at + 1] === client[1] &&
      clients[at] === client[0];
  }

  #firstPlace({ client, vipIdentity, fragmentNumber }: Packet): number {
    const hash = this.#hash.ofSix(
      client[0]! | 0,
      client[1]! | 0,
      client[2]! | 0,
      client[3]! | 0,
      fragmentNumber,
      vipIdentity,
    );
    return (hash & (SETS - 1)) * PLACES_PER_SET;
  }
}
