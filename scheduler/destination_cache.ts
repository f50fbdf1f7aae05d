/**
 * Destination addresses that `lblc` and `lblcr` have seen: 1,024 buckets of 16 entries. A full bucket forgets the
 * address that was used least recently, so there is nothing to sweep and no way to grow.
 *
 * @module
 */

import { foldAddress, hashWord } from "./address_hash.ts";
import { NONE } from "./scheduler.ts";

const BUCKET_BITS = 10; // CONFIG_IP_VS_LBLC_TAB_BITS
const BUCKET_ENTRIES = 16;

/** Most entries a cache holds, as in IPVS. */
export const CACHE_ENTRIES = BUCKET_ENTRIES << BUCKET_BITS;

/** Age at which IPVS forgets what it knows of a destination. */
export const FULL_EXPIRATION_MS = 24 * 60 * 60 * 1000;

const NEVER = -Infinity;

export class DestinationCache {
  readonly #addresses = new Uint32Array(4 * CACHE_ENTRIES);
  readonly #usedAtMs = new Float64Array(CACHE_ENTRIES).fill(NEVER);

  /** Entry of an address, now marked as used, or `NONE` if it is unknown or has not been used for 24 hours. Hot path. */
  find(address: Uint32Array, nowMs: number): number {
    const first = hashWord(foldAddress(address), BUCKET_BITS) * BUCKET_ENTRIES;
    for (let entry = first; entry < first + BUCKET_ENTRIES; entry++) {
      if (
        this.#addresses[4 * entry + 3] === address[3] && this.#addresses[4 * entry + 2] === address[2] &&
        this.#addresses[4 * entry + 1] === address[1] && this.#addresses[4 * entry] === address[0] &&
        nowMs - this.#usedAtMs[entry]! < FULL_EXPIRATION_MS
      ) {
        this.#usedAtMs[entry] = nowMs;
        return entry;
      }
    }
    return NONE;
  }

  /** Entry for an address that `find()` did not find; whatever the caller keeps for that entry is void. Hot path. */
  add(address: Uint32Array, nowMs: number): number {
    const first = hashWord(foldAddress(address), BUCKET_BITS) * BUCKET_ENTRIES;
    let oldest = first;
    for (let entry = first; entry < first + BUCKET_ENTRIES; entry++) {
      if (this.#usedAtMs[entry]! < this.#usedAtMs[oldest]!) oldest = entry;
    }
    this.#addresses[4 * oldest] = address[0]!;
    this.#addresses[4 * oldest + 1] = address[1]!;
    this.#addresses[4 * oldest + 2] = address[2]!;
    this.#addresses[4 * oldest + 3] = address[3]!;
    this.#usedAtMs[oldest] = nowMs;
    return oldest;
  }

  /** Remembers everything; what it returns puts it back. */
  save(): () => void {
    const addresses = this.#addresses.slice();
    const usedAtMs = this.#usedAtMs.slice();
    return () => {
      this.#addresses.set(addresses);
      this.#usedAtMs.set(usedAtMs);
    };
  }
}
