/**
 * Where the fragments of a packet go: only the first one has ports, the others follow it by the packet's identity
 * (RFC 791 §3.2: source, destination, protocol and identification).
 *
 * A table of four places for each hash value. A packet that finds them all taken pushes out the one that would expire
 * first, so that the memory is bounded; the hash is keyed, so that nobody can choose whose packet that is.
 *
 * @module
 */

import { NONE } from "./connection_table.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import * as ipv4 from "./wire/ipv4.ts";

/** How long a packet's first fragment is remembered: as long as Linux waits for the others (ipfrag_time, ip-sysctl). */
const LIFETIME_MS = 30_000;
const SETS = 2_048;
const PLACES_PER_SET = 4;

export class FragmentTable {
  readonly #hash: KeyedHash;
  readonly #sources = new Int32Array(SETS * PLACES_PER_SET);
  readonly #addresses = new Int32Array(SETS * PLACES_PER_SET);
  /** Identification and protocol. */
  readonly #packets = new Int32Array(SETS * PLACES_PER_SET);
  readonly #destinations = new Int32Array(SETS * PLACES_PER_SET).fill(NONE);
  readonly #firstBytes = new Int32Array(SETS * PLACES_PER_SET);
  readonly #expiries = new Int32Array(SETS * PLACES_PER_SET);

  constructor(hash: KeyedHash) {
    this.#hash = hash;
  }

  /**
   * Place of the packet that the IPv4 fragment at `ip` belongs to, or {@linkcode NONE}. Valid until the next packet
   * is remembered. Hot path.
   */
  recall(frame: DataView, ip: number, nowMs: number): number {
    const source = ipv4.source(frame, ip);
    const address = ipv4.destination(frame, ip);
    const packet = ipv4.packetNumber(frame, ip);
    const first = this.#firstPlace(source, address, packet);
    for (let place = first; place < first + PLACES_PER_SET; place++) {
      if (
        this.#packets[place] === packet && this.#sources[place] === source &&
        this.#addresses[place] === address && this.#isAlive(place, nowMs)
      ) return place;
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

  /** Remembers where the first fragment of a packet, at `ip`, goes. Hot path. */
  remember(frame: DataView, ip: number, destination: number, firstBytes: number, nowMs: number): void {
    let place = this.recall(frame, ip, nowMs);
    const source = ipv4.source(frame, ip);
    const address = ipv4.destination(frame, ip);
    const packet = ipv4.packetNumber(frame, ip);
    if (place === NONE) place = this.#placeFor(this.#firstPlace(source, address, packet), nowMs);
    this.#sources[place] = source;
    this.#addresses[place] = address;
    this.#packets[place] = packet;
    this.#destinations[place] = destination;
    this.#firstBytes[place] = firstBytes;
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

  #firstPlace(source: number, address: number, packet: number): number {
    return (this.#hash.ofThree(source, address, packet) & (SETS - 1)) * PLACES_PER_SET;
  }
}
