/**
 * The hash of the `sh`, `dh`, `lblc` and `lblcr` schedulers: Fibonacci hashing, not secret.
 *
 * @module
 */

import { IPV4_MAPPED } from "../model/ip_address.ts";

const GOLDEN_RATIO = 0x61c88647; // 2³² (1 − 1/φ), as in Linux include/linux/hash.h

/** One signed 32-bit word for an address of four: an IPv4 address itself, an IPv6 one by XOR. Hot path. */
export function foldAddress(address: Uint32Array): number {
  if (address[0] === 0 && address[1] === 0 && address[2] === IPV4_MAPPED) return address[3]! | 0;
  return address[0]! ^ address[1]! ^ address[2]! ^ address[3]!;
}

/** The first `bits` bits (1 to 31) of the hash of a 32-bit word. Hot path. */
export function hashWord(word: number, bits: number): number {
  return Math.imul(word, GOLDEN_RATIO) >>> (32 - bits);
}
