import assert from "node:assert/strict";
import fc from "fast-check";
import { KeyedHash } from "../../datapath/keyed_hash.ts";
import { repeatableRandom } from "../scheduler/server_set.ts";

const KEY = Uint32Array.of(0x03020100, 0x07060504);
const anyWord = fc.nat(0xffffffff);

function bitsSet(word: number): number {
  return word.toString(2).replaceAll("0", "").length;
}

/** Hash of the first six words; the last two are the key. */
function hashOf(words: readonly number[]): number {
  const [a, b, c, d, e, f] = words as [number, number, number, number, number, number];
  return new KeyedHash(Uint32Array.from(words.slice(6))).ofSix(a, b, c, d, e, f);
}

/** HalfSipHash-1-3 by the book: a round a word, and three after the last. */
function halfSipHash(key: Uint32Array, words: readonly number[]): number {
  const v = Uint32Array.of(key[0]!, key[1]!, 0x6c796765 ^ key[0]!, 0x74656462 ^ key[1]!);
  const mix = (a: number, b: number, turn: number, turnA: number) => {
    v[a]! += v[b]!;
    v[b] = ((v[b]! << turn) | (v[b]! >>> (32 - turn))) ^ v[a]!;
    v[a] = (v[a]! << turnA) | (v[a]! >>> (32 - turnA));
  };
  const round = () => {
    mix(0, 1, 5, 16);
    mix(2, 3, 8, 32);
    mix(0, 3, 7, 32);
    mix(2, 1, 13, 16);
  };
  for (const word of [...words, (words.length * 4) << 24]) {
    v[3]! ^= word;
    round();
    v[0]! ^= word;
  }
  v[2]! ^= 0xff;
  for (let last = 0; last < 3; last++) round();
  return v[1]! ^ v[3]!;
}

Deno.test("KeyedHash is HalfSipHash-1-3", () => {
  fc.assert(fc.property(fc.array(anyWord, { minLength: 8, maxLength: 8 }), (words) => {
    const [a, b, c] = words as [number, number, number];
    const key = Uint32Array.from(words.slice(6));
    assert.equal(new KeyedHash(key).ofThree(a, b, c), halfSipHash(key, [a, b, c]));
    assert.equal(hashOf(words), halfSipHash(key, words.slice(0, 6)));
  }));
});

Deno.test("KeyedHash gives the same 32 bits for the same key and words, whatever their sign", () => {
  fc.assert(fc.property(anyWord, anyWord, anyWord, anyWord, anyWord, anyWord, (a, b, c, d, e, f) => {
    const three = new KeyedHash(KEY).ofThree(a, b, c);
    const six = new KeyedHash(KEY.slice()).ofSix(a, b, c, d, e, f);
    assert.ok(Number.isInteger(three) && Math.abs(three) <= 0xffffffff);
    assert.equal(new KeyedHash(KEY).ofThree(a | 0, b | 0, c | 0), three);
    assert.equal(new KeyedHash(KEY).ofSix(a | 0, b, c, d, e, f | 0), six);
  }));
});

Deno.test("KeyedHash tells three words from six that begin with zeros", () => {
  const hash = new KeyedHash(KEY);
  assert.notEqual(hash.ofThree(1, 2, 3), hash.ofSix(0, 0, 0, 1, 2, 3));
});

Deno.test("KeyedHash changes half of its bits when one bit of a word or of the key changes", () => {
  const random = repeatableRandom();
  const rounds = 200;
  for (let bit = 0; bit < 8 * 32; bit++) {
    const word = bit >>> 5;
    const mask = 1 << (bit & 31);
    let changed = 0;
    for (let round = 0; round < rounds; round++) {
      const input = Array.from({ length: 8 }, () => random());
      const before = hashOf(input);
      input[word]! ^= mask;
      changed += bitsSet((before ^ hashOf(input)) >>> 0);
    }
    const mean = changed / rounds;
    // The mean of 200 rounds is within 1.2 of 16 with a probability of 1 - 10^-9.
    assert.ok(Math.abs(mean - 16) < 1.3, `bit ${bit} changes ${mean} bits`);
  }
});

Deno.test("KeyedHash spreads the connections of one network evenly", () => {
  const hash = new KeyedHash(KEY);
  const bins = new Uint32Array(256);
  const connections = 256 * 1_000;
  for (let number = 0; number < connections; number++) {
    const client = 0xc6336400 + (number >>> 10);
    bins[hash.ofThree(client, ((1024 + (number & 1023)) << 16) | 80, 0x10006) >>> 24]! += 1;
  }
  const chiSquare = bins.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0);
  // 255 degrees of freedom: 0.0001 % of fair hashes exceed 375, and 0.0001 % stay below 160.
  assert.ok(chiSquare > 160 && chiSquare < 375, `chi square is ${chiSquare}`);
});

Deno.test("KeyedHash collisions found under one key are none under another", () => {
  const attacked = new KeyedHash(KEY);
  const slots = 4_096;
  const colliding: number[] = [];
  for (let client = 0; colliding.length < 500; client++) {
    if ((attacked.ofThree(client, 80, 6) >>> 0) % slots === 0) colliding.push(client);
  }
  const secret = new KeyedHash(Uint32Array.of(0x12345678, 0x9abcdef0));
  const places = new Set(colliding.map((client) => (secret.ofThree(client, 80, 6) >>> 0) % slots));
  // 500 balls in 4,096 bins leave 470 of them apart on average.
  assert.ok(places.size > 440, `500 inputs fall into ${places.size} places`);
});
