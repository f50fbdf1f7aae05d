/**
 * What a bench finds out. Each bench is a program of its own, so that none runs in what another has left of V8: it
 * tells of its progress on standard error and leaves its findings on standard output, as JSON, for bench.ts.
 *
 * @module
 */

import { OperatorError } from "../../model/operator_error.ts";

/** One thing that was measured. */
export interface Finding {
  readonly what: string;
  /** For people; a ratio wherever there is something to compare with. */
  readonly result: string;
  /** What lvsdr is to reach, if it is to reach something. */
  readonly bar?: { readonly wanted: string; readonly isMet: boolean };
  /** What the result was made from, by name. The unit is part of the name. */
  readonly figures: Readonly<Record<string, number>>;
}

/** Measures, then writes the findings to standard output. */
export async function runBench(
  measure: () => readonly Finding[] | Promise<readonly Finding[]>,
): Promise<void> {
  try {
    const findings = await measure();
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(findings)));
  } catch (error) {
    // What waits on a signal fails with an error of its own about the one that was given.
    const reason = error instanceof Error && error.cause instanceof OperatorError ? error.cause : error;
    if (!(reason instanceof OperatorError)) throw error;
    progress(reason.message);
    if (reason.remedy !== null) progress(reason.remedy);
    Deno.exitCode = reason.exitCode;
  }
}

/** Tells the person who waits what has just been done. */
export function progress(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** The findings as a Markdown table, for a terminal and for a README. */
export function table(findings: readonly Finding[]): string {
  const rows = findings.map(({ what, result, bar }) => [
    what,
    result,
    bar === undefined ? "–" : `${bar.wanted}: ${bar.isMet ? "met" : "not met"}`,
  ]);
  const all = [["what", "result", "bar"], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(all[0]!), rule, ...rows.map(line)].join("\n");
}

/** The value in the middle, or the upper one of the two that are. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** A median and how far the rounds were apart, for example `0.91 (0.85 to 0.97)`. */
export function spread(values: readonly number[], digits = 2): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

/** A median and where the half of the values around it are, for many rounds of which each is short. */
export function middleHalf(values: readonly number[], digits = 2): string {
  const sorted = values.toSorted((a, b) => a - b);
  const [from, to] = [sorted[sorted.length >> 2]!, sorted[(sorted.length * 3) >> 2]!];
  return `${median(values).toFixed(digits)} (half of the rounds ${from.toFixed(digits)} to ${
    to.toFixed(digits)
  })`;
}
