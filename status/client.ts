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
export async function fetchSnapshot(runDir: string): Promise<StatusSnapshot> {
  const path = socketPathIn(runDir);
  try {
    // fetch() would hide why a connection failed.
    (await Deno.connect({ transport: "unix", path })).close();
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
    const response = await fetch("http://director/api/v1/status", {
      client,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!response.ok) throw new Error(`it answered ${response.status} ${await response.text()}`.trim());
    return await response.json();
  } catch (cause) {
    throw describeFailure(cause, runDir);
  }
}
