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
