/**
 * The base of every error an operator is meant to read: what is wrong, and what to do about it.
 *
 * @module
 */

import { ExitCode } from "./exit_code.ts";

export interface OperatorErrorOptions extends ErrorOptions {
  /** What the operator can do, for example a command to type. Printed on a line of its own. */
  readonly remedy?: string;
}

/** An error that is printed without a stack trace and ends the program with {@linkcode exitCode}. */
export class OperatorError extends Error {
  override name = "OperatorError";
  readonly exitCode: ExitCode;
  readonly remedy: string | null;

  constructor(message: string, exitCode: ExitCode, options: OperatorErrorOptions = {}) {
    super(message, options);
    this.exitCode = exitCode;
    this.remedy = options.remedy ?? null;
  }
}

/** A host refused, or does not have, what a step needs. */
export class HostError extends OperatorError {
  override name = "HostError";
  /** The step that failed, as it would be typed in a shell. */
  readonly step: string;

  constructor(step: string, message: string, exitCode: ExitCode, options: OperatorErrorOptions = {}) {
    super(message, exitCode, options);
    this.step = step;
  }
}

/** The error as one line, for a log or a list: what is wrong, then the remedy in brackets, if there is one. */
export function inOneLine({ message, remedy }: OperatorError): string {
  return remedy === null ? message : `${message} (${remedy})`;
}

/** Errors that came up one after another. */
export interface SortedErrors {
  /** Those that an operator is meant to read. */
  readonly told: readonly OperatorError[];
  /** All others. */
  readonly defects: readonly unknown[];
}

/**
 * Sorts what was thrown. An error that came up while the host was put back after another hides that in a
 * `SuppressedError`: the other is the cause, and comes first.
 */
export function sortedErrors(error: unknown): SortedErrors {
  const errors = errorsIn(error);
  return {
    told: errors.filter((one) => one instanceof OperatorError),
    defects: errors.filter((one) => !(one instanceof OperatorError)),
  };
}

function errorsIn(error: unknown): unknown[] {
  if (!(error instanceof SuppressedError)) return [error];
  return [...errorsIn(error.suppressed), ...errorsIn(error.error)];
}
