/**
 * Asks a running director through the Unix socket of its run directory.
 *
 * @module
 */

import { join } from "node:path";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { StatusSnapshot } from "../model/status_snapshot.ts";

/** Longer than a director that is alive ever takes. */
const PATIENCE_MS = 5000;

/** Where the director of a run directory listens. */
export function socketPathIn(runDir: string): string {
  return join(runDir, "director.sock");
}

function describeFailure(cause: unknown, runDir: string): OperatorError {
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new OperatorError(`Not allowed to talk to the director on "${runDir}"`, ExitCode.NO_PERMISSION, {
      cause,
      remedy: "Run as root, or as a member of the group that owns the socket",
    });
  }
  if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.ConnectionRefused) {
    return new OperatorError(`No director is running on run directory "${runDir}"`, ExitCode.UNAVAILABLE, {
      cause,
      remedy: "Start it with: lvsdr director -c FILE; or name its run directory with --run-dir",
    });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OperatorError(`The director on "${runDir}" does not answer: ${reason}`, ExitCode.UNAVAILABLE, {
    cause,
    remedy: "Look at its log; if it hangs, restart it",
  });
}

/**
 * The snapshot of the director that runs on `runDir`.
 *
 * @throws {OperatorError} If none runs there, it may not be asked, or it does not answer within five seconds.
 */
export function fetchSnapshot(runDir: string): Promise<StatusSnapshot> {
  return askDirector(runDir, "/api/v1/status");
}

/**
 * What the director that runs on `runDir` answers to a GET.
 *
 * @param path With the query, if there is one.
 * @throws {OperatorError} As {@linkcode fetchSnapshot}, or with what the director says is wrong with the question.
 */
export async function askDirector<Answer>(runDir: string, path: string): Promise<Answer> {
  const socket = socketPathIn(runDir);
  try {
    // fetch() would hide why a connection failed.
    (await Deno.connect({ transport: "unix", path: socket })).close();
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
    const response = await fetch(`http://director${path}`, {
      client,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.status === 400) throw refusal(await response.json(), ExitCode.USAGE);
    if (response.status === 503) throw refusal(await response.json(), ExitCode.UNAVAILABLE);
    if (!response.ok) throw new Error(`it answered ${response.status} ${await response.text()}`.trim());
    return await response.json();
  } catch (cause) {
    throw cause instanceof OperatorError ? cause : describeFailure(cause, runDir);
  }
}

/** What a director says of a question it does not answer, or not now. */
function refusal(
  { error, advice }: { readonly error: string; readonly advice: string },
  exitCode: ExitCode,
): OperatorError {
  return new OperatorError(error, exitCode, { remedy: advice });
}
