/**
 * The Internet checksum (RFC 1071). Sums are plain numbers below 2^32 and are folded at the end.
 *
 * @module
 */

/** Sum of the 16-bit words of `bytes` bytes at `at`, an odd last byte counted as the high one; not folded. */
export function sum(frame: DataView, at: number, bytes: number): number {
  let total = 0;
  const even = at + (bytes & ~1);
  for (let word = at; word < even; word += 2) total += frame.getUint16(word);
  if ((bytes & 1) === 1) total += frame.getUint8(even) << 8;
  return total;
}

/** Sum of the pseudo-header of TCP or UDP over IPv4 (RFC 9293 §3.1); not folded. */
export function pseudoHeaderSum(
  source: number,
  destination: number,
  protocol: number,
  bytes: number,
): number {
  return (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol +
    bytes;
}

/** Folds the carries of a sum back in: 16 bits, not complemented. */
export function fold(total: number): number {
  const once = (total & 0xffff) + (total >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** The checksum that belongs to a sum. */
export function finish(total: number): number {
  return ~fold(total) & 0xffff;
}
