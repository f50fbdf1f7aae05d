/**
 * HalfSipHash-1-3 over 32-bit words: the keyed hash that keeps strangers from choosing which connections collide.
 * The construction is that of Aumasson and Bernstein's SipHash with 32-bit words, as Linux uses it for its own
 * tables on 32-bit machines (Documentation/security/siphash). Words are compressed as they are, the number of words
 * stands for the length.
 *
 * @module
 */

/** A hash with its secret; two instances with the same key agree. */
export class KeyedHash {
  readonly #key0: number;
  readonly #key1: number;

  /** @param key Two random words. */
  constructor(key: Uint32Array) {
    this.#key0 = key[0]! | 0;
    this.#key1 = key[1]! | 0;
  }

  /** Hash of three words, 32 bits signed: V8 would make an object of a number from 2^31 on. Hot path. */
  ofThree(a: number, b: number, c: number): number {
    return this.#hash(3, 0, 0, 0, a, b, c);
  }

  /** Hash of six words, 32 bits signed. Hot path. */
  ofSix(a: number, b: number, c: number, d: number, e: number, f: number): number {
    return this.#hash(6, a, b, c, d, e, f);
  }

  #hash(words: number, a: number, b: number, c: number, d: number, e: number, f: number): number {
    let v0 = this.#key0;
    let v1 = this.#key1;
    let v2 = 0x6c796765 ^ this.#key0;
    let v3 = 0x74656462 ^ this.#key1;
    // The last word of SipHash carries the length in bytes, in its high byte; three more rounds finalise.
    for (let round = words === 6 ? 0 : 3; round < 10; round++) {
      const word = round < 3
        ? (round === 0 ? a : round === 1 ? b : c)
        : round < 6
        ? (round === 3 ? d : round === 4 ? e : f)
        : round === 6
        ? words << 26
        : 0;
      if (round === 7) v2 ^= 0xff;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}
