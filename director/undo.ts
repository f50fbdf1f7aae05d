/**
 * `lvsdr director --undo`: takes back what a director that was killed has left on the host, without starting one.
 *
 * @module
 */

import { reportTo, undoEarlierRun } from "../host/change_host.ts";
import { ExitCode } from "../model/exit_code.ts";

/** Where a director on a run directory writes down what it changes on the host. */
export function journalPathIn(runDir: string): string {
  return `${runDir}/director.journal`;
}

/**
 * Runs `lvsdr director --undo`.
 *
 * @throws {HostError} If a director is running on the run directory, or the host refuses.
 */
export async function undoDirector(
  { runDir }: { readonly runDir: string },
  output: { readonly write: (text: string) => void },
): Promise<ExitCode> {
  await undoEarlierRun(journalPathIn(runDir), reportTo(output));
  return ExitCode.OK;
}
