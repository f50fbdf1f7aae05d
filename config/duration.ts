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

/** Units as people write them, and their lengths in milliseconds. */
const SPELLINGS: readonly (readonly [RegExp, number])[] = [
  [/^(ms|msecs?|milliseconds?)$/, 1],
  [/^(s|secs?|seconds?)$/, 1_000],
  [/^(m|mins?|minutes?)$/, 60_000],
  [/^(h|hrs?|hours?)$/, 3_600_000],
  [/^(d|days?)$/, 86_400_000],
  [/^(w|weeks?)$/, 604_800_000],
];

/**
 * A duration in the form of this file that means the same as one in another form, such as `1m30s`, `1.5s`, `5 sec` or
 * `2d`; `null` if there is none within bounds.
 */
export function spelledDuration(text: string): string | null {
  const parts = [...text.toLowerCase().replaceAll("_", "").matchAll(/([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*/gy)];
  if (parts.reduce((sum, [whole]) => sum + whole.length, 0) !== text.replaceAll("_", "").length) return null;
  const milliseconds = parts.reduce((sum, [, count, unit]) => {
    const factor = SPELLINGS.find(([spelling]) => spelling.test(unit!))?.[1] ?? NaN;
    return sum + Math.round(Number(count) * factor);
  }, 0);
  if (!(milliseconds >= SHORTEST_MS && milliseconds <= LONGEST_MS)) return null;
  const [unit, length] = Object.entries(UNIT_MS).findLast(([, length]) => milliseconds % length === 0)!;
  return `${milliseconds / length}${unit}`;
}

/**
 * Reads a duration of 100 ms to 168 h.
 *
 * @returns Milliseconds.
 */
export function readDuration(text: string): Reading<number> {
  const match = new RegExp(DURATION_PATTERN).exec(text);
  if (match === null) {
    return refused(`Cannot read duration ${quote(text)}: ${durationRemedy(text)}`);
  }
  const milliseconds = Number(match[1]) * UNIT_MS[match[2]!]!;
  if (milliseconds < SHORTEST_MS || milliseconds > LONGEST_MS) {
    const limit = milliseconds < SHORTEST_MS ? "100ms or more" : "168h or less";
    return refused(`Cannot use duration ${quote(text)}: write ${limit}`);
  }
  return understood(milliseconds);
}

function durationRemedy(text: string): string {
  if (/^[0-9]+$/.test(text)) {
    const possible = [`${text}s`, `${text}ms`].filter((duration) => readDuration(duration).ok);
    if (possible.length > 0) return `a unit is missing, write ${possible.join(" or ")}`;
  }
  const spelled = spelledDuration(text);
  return spelled === null
    ? "write one whole number and one unit (ms, s, m or h), for example 500ms, 2s, 5m or 1h"
    : `write ${spelled}`;
}

/**
 * Reads a duration that may also be zero.
 *
 * @returns Milliseconds.
 */
export function readDurationOrZero(text: string): Reading<number> {
  return /^0(ms|s|m|h)$/.test(text) ? understood(0) : readDuration(text);
}
