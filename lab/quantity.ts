/**
 * Numbers as people read them.
 *
 * @module
 */

const UNITS = ["kB", "MB", "GB", "TB"];

/** A whole number with separators, for example `12,345`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** Bytes in powers of 1,000 with three digits or so, for example `16.8 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  let unit = -1;
  let amount = bytes;
  while (amount >= 1000 && unit < UNITS.length - 1) {
    amount /= 1000;
    unit++;
  }
  return `${amount.toFixed(amount < 100 ? 1 : 0)} ${UNITS[unit]}`;
}
