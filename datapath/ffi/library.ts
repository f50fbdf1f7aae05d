/**
 * Opening shared libraries under the names distributions give them.
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError, type OperatorErrorOptions } from "../../model/operator_error.ts";

/** A C library could not be loaded. */
export class LibraryError extends OperatorError {
  override name = "LibraryError";

  constructor(message: string, options: OperatorErrorOptions) {
    super(message, ExitCode.UNAVAILABLE, options);
  }
}

/**
 * Opens the first library of `names` that can be.
 *
 * @param remedy How to install it.
 * @throws {LibraryError} If none can be opened; the message holds every name and what happened to it.
 */
export function openLibrary<const S extends Deno.ForeignLibraryInterface>(
  names: readonly string[],
  symbols: S,
  remedy: string,
): Deno.DynamicLibrary<S> {
  const failures: string[] = [];
  for (const name of names) {
    try {
      return Deno.dlopen(name, symbols);
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  throw new LibraryError(`Cannot load any of ${names.join(", ")}`, {
    remedy,
    cause: new Error(failures.join("\n")),
  });
}
