import assert from "node:assert/strict";
import { messageWords, sipHash24 } from "../../scheduler/siphash.ts";

const KEY = messageWords(Uint8Array.from({ length: 16 }, (_, index) => index));

/** Hashes of the empty message, of the byte 0, of the bytes 0 and 1, and so on. OpenSSL 3 gives the same. */
const VECTORS = `
  310e0edd47db6f72 fd67dc93c539f874 5a4fa9d909806c0d 2d7efbd796666785
  b7877127e09427cf 8da699cd64557618 cee3fe586e46c9cb 37d1018bf50002ab
  6224939a79f5f593 b0e4a90bdf82009e f3b9dd94c5bb5d7a a7ad6b22462fb3f4
  fbe50e86bc8f1e75 903d84c02756ea14 eef27a8e90ca23f7 e545be4961ca29a1
  db9bc2577fcc2a3f 9447be2cf5e99a69 9cd38d96f0b3c14b bd6179a71dc96dbb
  98eea21af25cd6be c7673b2eb0cbf2d0 883ea3e395675393 c8ce5ccd8c030ca8
  94af49f6c650adb8 eab8858ade92e1bc f315bb5bb835d817 adcf6b0763612e2f
  a5c91da7acaa4dde 716595876650a2a6 28ef495c53a387ad 42c341d8fa92d832
  ce7cf2722f512771 e37859f94623f3a7 381205bb1ab0e012 ae97a10fd434e015
  b4a31508beff4d31 81396229f0907902 4d0cf49ee5d4dcca 5c73336a76d8bf9a
  d0a704536ba93e0e 925958fcd6420cad a915c29bc8067318 952b79f3bc0aa6d4
  f21df2e41d4535f9 87577519048f53a9 10a56cf5dfcd9adb eb75095ccd986cd0
  51a9cb9ecba312e6 96afadfc2ce666c7 72fe52975a4364ee 5a1645b276d592a1
  b274cb8ebf87870a 6f9bb4203de7b381 eaecb2a30b22a87f 9924a43cc1315724
  bd838d3aafbf8db7 0b1a2a3265d51aea 135079a3231ce660 932b2846e4d70666
  e1915f5cb1eca46c f325965ca16d629f 575ff28e60381be5 724506eb4c328a95
`.trim().split(/\s+/);

/** Hash of the bytes 0, 1, 2 … eight bytes in hex. */
function hashOfCountingBytes(length: number): string {
  const hash = new Uint32Array(2).fill(0xa5a5a5a5);
  sipHash24(KEY, messageWords(Uint8Array.from({ length }, (_, index) => index)), length, hash);
  const bytes = new Uint8Array(new BigUint64Array([BigInt(hash[1]!) << 32n | BigInt(hash[0]!)]).buffer);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

Deno.test("sipHash24() gives the hash of appendix A of the SipHash paper", () => {
  assert.equal(hashOfCountingBytes(15), "e545be4961ca29a1");
});

Deno.test("sipHash24() gives the 64 test vectors of the reference implementation", () => {
  assert.deepEqual(VECTORS.map((_, length) => hashOfCountingBytes(length)), VECTORS);
});

Deno.test("sipHash24() reads no word beyond the length", () => {
  const words = new Uint32Array(16).fill(0xa5a5a5a5);
  words.set([0x03020100]);
  const hash = new Uint32Array(2);
  sipHash24(KEY, words, 4, hash);
  const expected = new Uint32Array(2);
  sipHash24(KEY, Uint32Array.of(0x03020100), 4, expected);
  assert.deepEqual(hash, expected);
});

Deno.test("messageWords() packs bytes little-endian and pads with zeros", () => {
  assert.deepEqual(messageWords(Uint8Array.of(1, 2, 3, 4, 5)), Uint32Array.of(0x04030201, 5));
});
