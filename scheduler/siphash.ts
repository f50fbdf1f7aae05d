/**
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a keyed hash whose collisions
 * nobody without the key can prepare. 64-bit words are pairs of 32-bit numbers; nothing is allocated.
 *
 * @module
 */

/**
 * Writes the 64-bit hash of a message to `hash`: low word first. Hot path.
 *
 * @param key Four words, the 128-bit key as little-endian words.
 * @param message The message as little-endian words; bytes of the last word beyond the length must be 0.
 * @param lengthBytes Length of the message.
 */
export function sipHash24(
  key: Uint32Array,
  message: Uint32Array,
  lengthBytes: number,
  hash: Uint32Array,
): void {
  let v0Low = key[0]! ^ 0x70736575;
  let v0High = key[1]! ^ 0x736f6d65;
  let v1Low = key[2]! ^ 0x6e646f6d;
  let v1High = key[3]! ^ 0x646f7261;
  let v2Low = key[0]! ^ 0x6e657261;
  let v2High = key[1]! ^ 0x6c796765;
  let v3Low = key[2]! ^ 0x79746573;
  let v3High = key[3]! ^ 0x74656462;
  const wholeBlocks = lengthBytes >>> 3;
  const restBytes = lengthBytes & 7;
  // One more block holds the rest and the length; one more step is the finalization.
  for (let block = 0; block <= wholeBlocks + 1; block++) {
    let mLow = 0;
    let mHigh = 0;
    let rounds = 2;
    if (block < wholeBlocks) {
      mLow = message[2 * block]! | 0;
      mHigh = message[2 * block + 1]! | 0;
    } else if (block === wholeBlocks) {
      if (restBytes > 0) mLow = message[2 * block]! | 0;
      if (restBytes > 4) mHigh = message[2 * block + 1]! | 0;
      mHigh |= lengthBytes << 24;
    } else {
      v2Low ^= 0xff;
      rounds = 4;
    }
    v3Low ^= mLow;
    v3High ^= mHigh;
    for (let round = 0; round < rounds; round++) {
      let low = (v0Low + v1Low) | 0;
      v0High = (v0High + v1High + ((low >>> 0) < (v1Low >>> 0) ? 1 : 0)) | 0;
      v0Low = low;
      low = (v1Low << 13) | (v1High >>> 19);
      v1High = ((v1High << 13) | (v1Low >>> 19)) ^ v0High;
      v1Low = low ^ v0Low;
      low = v0High;
      v0High = v0Low;
      v0Low = low;

      low = (v2Low + v3Low) | 0;
      v2High = (v2High + v3High + ((low >>> 0) < (v3Low >>> 0) ? 1 : 0)) | 0;
      v2Low = low;
      low = (v3Low << 16) | (v3High >>> 16);
      v3High = ((v3High << 16) | (v3Low >>> 16)) ^ v2High;
      v3Low = low ^ v2Low;

      low = (v0Low + v3Low) | 0;
      v0High = (v0High + v3High + ((low >>> 0) < (v3Low >>> 0) ? 1 : 0)) | 0;
      v0Low = low;
      low = (v3Low << 21) | (v3High >>> 11);
      v3High = ((v3High << 21) | (v3Low >>> 11)) ^ v0High;
      v3Low = low ^ v0Low;

      low = (v2Low + v1Low) | 0;
      v2High = (v2High + v1High + ((low >>> 0) < (v1Low >>> 0) ? 1 : 0)) | 0;
      v2Low = low;
      low = (v1Low << 17) | (v1High >>> 15);
      v1High = ((v1High << 17) | (v1Low >>> 15)) ^ v2High;
      v1Low = low ^ v2Low;
      low = v2High;
      v2High = v2Low;
      v2Low = low;
    }
    v0Low ^= mLow;
    v0High ^= mHigh;
  }
  hash[0] = v0Low ^ v1Low ^ v2Low ^ v3Low;
  hash[1] = v0High ^ v1High ^ v2High ^ v3High;
}

/** Packs bytes into the little-endian words that {@linkcode sipHash24} takes. */
export function messageWords(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array((bytes.length + 3) >>> 2);
  bytes.forEach((byte, index) => words[index >>> 2]! |= byte << (8 * (index & 3)));
  return words;
}
