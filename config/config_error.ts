/**
 * What is wrong with a configuration file: every problem at once, each at its place, printed as a compiler does.
 *
 * @module
 */

import { counted } from "../model/counted.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";

/**
 * The kinds of problem. `syntax`: not YAML, or YAML this program refuses; `empty`: nothing in the file; `conflict`:
 * two places that are right alone and wrong together.
 */
export type ConfigProblemCode =
  | "syntax"
  | "empty"
  | "unknown_key"
  | "missing_key"
  | "wrong_type"
  | "wrong_value"
  | "conflict";

export interface ConfigProblem {
  readonly code: ConfigProblemCode;
  /** Where in the configuration, for example `services[0].vip`; empty for the file as a whole. */
  readonly path: string;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 code units. */
  readonly column: number;
  readonly message: string;
}

/** Problems that are told at once: who has more has named another file, or one cause for all. */
export const MOST_PROBLEMS = 100;

/** Characters of a source line that are printed; the rest of a longer line is cut away on both sides. */
const EXCERPT_WIDTH = 100;

/** A configuration that cannot be used. Its message is the full report. */
export class ConfigError extends OperatorError {
  override name = "ConfigError";
  /** In the order of the file; at least one, and at most {@linkcode MOST_PROBLEMS}. */
  readonly problems: readonly ConfigProblem[];
  /** How many there are, for a message. */
  readonly count: string;
  /** One entry per problem: `file:line:column: path: message`, the source line, a caret. Ends in a newline. */
  readonly report: string;
  /** In one line and without lines of the file: for the log and the page, which others read too. */
  readonly summary: string;

  /**
   * @param found In the order of the file; at least one.
   * @param text The file's text, with secrets masked: its lines are printed.
   */
  constructor(found: readonly ConfigProblem[], text: string) {
    const problems = found.slice(0, MOST_PROBLEMS);
    const count = found.length < MOST_PROBLEMS
      ? counted(found.length, "problem")
      : `${MOST_PROBLEMS} or more problems`;
    const lines = text.split(/\r\n|\r|\n/);
    const report = problems.map((problem) => render(problem, lines[problem.line - 1] ?? "")).join("");
    const first = problems[0]!;
    const subject = `Cannot use configuration "${first.file}": ${count}`;
    super(`${subject}\n${report.trimEnd()}`, ExitCode.CONFIG);
    this.problems = problems;
    this.count = count;
    this.report = report;
    this.summary = `${subject}${problems.length === 1 ? "" : ", the first"}: ${heading(first)}`;
  }
}

function heading({ file, line, column, path, message }: ConfigProblem): string {
  return `${file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${message}`;
}

function render(problem: ConfigProblem, sourceLine: string): string {
  const { line, column } = problem;
  // Without a line to show there is nothing a caret could point at.
  if (sourceLine.trim() === "") return `${heading(problem)}\n`;
  const start = Math.max(0, Math.min(column - 1 - EXCERPT_WIDTH / 2, sourceLine.length - EXCERPT_WIDTH));
  const shown = sourceLine.slice(start, start + EXCERPT_WIDTH);
  // Control characters would act on the terminal; a tab is kept, above the caret too, so that both lines align.
  const excerpt = shown.replace(/[^\P{Cc}\t]/gu, "\u{FFFD}");
  const indent = shown.slice(0, column - 1 - start).replace(/[^\t]/g, " ");
  const gutter = String(line);
  return `${heading(problem)}\n  ${gutter} | ${excerpt}\n  ${" ".repeat(gutter.length)} | ${indent}^\n`;
}
