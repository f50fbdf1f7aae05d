/**
 * The mistakes that a lab can make, by name.
 *
 * @module
 */

export const BREAK_NAMES = [
  "arp",
  "announce",
  "prefix",
  "vip-missing",
  "app-down",
  "forwarding",
  "rp-filter",
  "second-director",
  "proxy-arp",
] as const;
export type BreakName = typeof BREAK_NAMES[number];
