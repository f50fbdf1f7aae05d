/**
 * Ctrl-C for benches that have something to clean up.
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";

/**
 * Keeps Ctrl-C from ending the bench at once. What waits on the signal, or asks it between two rounds, fails instead,
 * so that everything is cleaned up on the way out.
 */
export function unwindOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  Deno.addSignalListener("SIGINT", () => controller.abort(new OperatorError("Interrupted", ExitCode.FAILED)));
  return controller.signal;
}
