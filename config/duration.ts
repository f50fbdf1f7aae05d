/**
 * Durations as an operator writes them: `500ms`, `2s`, `5m`, `1h`.
 *
 * @module
 */

import { quote, type Reading, refused, understood } from "./reading.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Shape of a duration, for editors. */
export const DURATION_PATTERN = "^(0|[1-9][0-9]*)(ms|s|m|h)$";

/** The datapath's tick: nothing shorter can be kept. */
const SHORTEST_MS = 100;
/** A week; in milliseconds it fits 31 bits. */
const LONGEST_MS = 168 * 3_600_000;

/**
 * Reads a duration of 100 ms to 168 h.
 *
 * @returns Milliseconds.
 */
export function readDuration(text: string): Reading<number> {
  const match = new RegExp(DURATION_PATTERN).exec(text);
  if (match === null) {
    const remedy = /^[0-9]+$/.test(text)
      ? `a unit is missing, write ${text}s or ${text}ms`
      : "write one whole number and one unit (ms, s, m or h), for example 500ms, 2s, 5m or 1h";
    return refused(`Cannot read duration ${quote(text)}: ${remedy}`);
  }
  const milliseconds = Number(match[1]) * UNIT_MS[match[2]!]!;
  if (milliseconds < SHORTEST_MS || milliseconds > LONGEST_MS) {
    return refused(`Cannot use duration ${quote(text)}: it must be 100ms to 168h`);
  }
  return understood(milliseconds);
}

/**
 * Reads a duration that may also be zero.
 *
 * @returns Milliseconds.
 */
export function readDurationOrZero(text: string): Reading<number> {
  return /^0(ms|s|m|h)$/.test(text) ? understood(0) : readDuration(text);
}
