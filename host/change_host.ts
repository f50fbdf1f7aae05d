/**
 * Making and taking back steps under the journal: written down first, then made; undone first, then struck out.
 *
 * @module
 */

import { basename, dirname, resolve } from "node:path";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { shellCommand } from "./command.ts";
import { Journal, journalExists } from "./journal.ts";
import { applyStep, type Step, stepSentence, undoCommand } from "./step.ts";
import { undoStep } from "./undo_step.ts";

/** Takes one line of progress, without a line break. */
export type Report = (line: string) => void;

/** Reports to `write`. That a line cannot be written, to a full disk for one, stops no change half-way. */
export function reportTo({ write }: { readonly write: (text: string) => void }): Report {
  return (line) => {
    try {
      write(`${line}\n`);
    } catch {
      // There is nobody to tell.
    }
  };
}

/**
 * Makes steps in order. When one fails the earlier ones stay: the caller decides, usually by {@linkcode undoSteps}.
 *
 * @param signal Checked before each step.
 * @throws {HostError} If the host refuses a step.
 * @throws The signal's reason, if it is aborted.
 */
export async function applySteps(
  journal: Journal,
  steps: readonly Step[],
  options: { readonly report: Report; readonly signal?: AbortSignal },
): Promise<void> {
  for (const step of steps) {
    options.signal?.throwIfAborted();
    journal.record(step);
    options.report(stepSentence(step));
    try {
      await applyStep(step);
    } catch (error) {
      // A step that failed has changed nothing: undoing it could hit something that was there before.
      journal.strikeLast();
      throw error;
    }
  }
}

/**
 * Makes a step after others that rely on it: those are written down again above it, so that they are undone first.
 *
 * @throws {HostError} If the host refuses the step; then the journal is as before.
 */
export async function applyBeneath(journal: Journal, step: Step, reliant: readonly Step[]): Promise<void> {
  // All is on the disk before the change, so that a crash at any point leaves the order right.
  const entries = [step, ...reliant];
  for (const entry of entries) journal.record(entry);
  try {
    await applyStep(step);
  } catch (error) {
    entries.forEach(() => journal.strikeLast());
    throw error;
  }
}

/**
 * Takes steps back, the last one first. A step that cannot be taken back stops it: those before it may protect
 * the host while it is in force.
 *
 * @param which `unkept`: only those made since the last `Journal.keep()`; `all`: everything in the journal;
 * `allButFirst`: the oldest stays in force.
 * @throws {HostError} If the host refuses; the journal then still holds that step and the ones before it.
 */
export async function undoSteps(
  journal: Journal,
  which: "unkept" | "all" | "allButFirst",
  report: Report,
): Promise<void> {
  const steps = which === "unkept" ? journal.unkeptSteps : journal.steps.slice(which === "all" ? 0 : 1);
  for (const step of steps.toReversed()) {
    try {
      const result = await undoStep(step);
      if (result === "undone") report(`undone: ${stepSentence(step)}`);
      if (result === "changed") report(`left alone, somebody has changed it since: ${stepSentence(step)}`);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `Cannot undo "${stepSentence(step)}": ${reason}`;
      const exitCode = cause instanceof HostError ? cause.exitCode : ExitCode.FAILED;
      throw new HostError(undoCommand(step), message, exitCode, {
        cause,
        remedy: `Repair the cause, then: ${journalUndoCommand(journal.path)}\n` +
          `This step by hand: ${undoCommand(step)}`,
      });
    }
    journal.strikeLast();
  }
}

/**
 * Takes back everything that the journal at `path` still holds, whether an earlier run crashed or kept it on purpose.
 *
 * @throws {HostError} If the run is not over, or the host refuses.
 */
export async function undoEarlierRun(path: string, report: Report): Promise<void> {
  if (!journalExists(path)) return report("Nothing to undo");
  using journal = await Journal.open(path);
  await undoSteps(journal, "all", report);
  report("Everything undone");
}

/** The command that takes back what is in a journal, which is `RUN_DIR/ROLE.journal`. */
export function journalUndoCommand(path: string): string {
  const runDir = dirname(resolve(path));
  // Named even if it is the default one: the shell it is typed in may have another in its environment.
  return shellCommand(["lvsdr", basename(path, ".journal"), "--undo", "--run-dir", runDir]);
}
