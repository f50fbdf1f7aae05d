/**
 * Reading an undo journal without taking it from its owner.
 *
 * @module
 */

import { requireCommand } from "./command.ts";
import {
  areForeign,
  journalFileError,
  type Line,
  linesOfBoot,
  type OwnerScope,
  readHostIdentity,
  stepsOf,
  unkeptLines,
} from "./journal_lines.ts";
import type { Step } from "./step.ts";

/** What one owner of a journal has done. */
export interface OwnerRun {
  /** Those of its steps that may be in force, oldest first. */
  readonly steps: readonly Step[];
  /** What it changed the host for; `null` if it has not said. */
  readonly scope: OwnerScope | null;
}

/** What a journal says of the host at one moment. */
export interface JournalReading {
  readonly path: string;
  /** Every step that may be in force, oldest first. */
  readonly steps: readonly Step[];
  /** Whether all steps are meant to stay without an owner. */
  readonly isKept: boolean;
  /** The living process that owns the journal, or `null` if it has ended. */
  readonly owner: number | null;
  /** The owners that have left steps, and the last one, oldest first. */
  readonly runs: readonly OwnerRun[];
}

/**
 * Reads the journal at `path`; `null` if there is none, or none of this boot and network namespace.
 *
 * @throws {HostError} If it may not be read, or is damaged.
 */
export async function readJournal(path: string): Promise<JournalReading | null> {
  const host = await readHostIdentity();
  const file = readFile(path);
  if (file === null) return null;
  const lines = linesOfBoot(path, file.text, host.bootId);
  if (lines.length === 0 || areForeign(lines, host)) return null;
  const owners = lines.flatMap(({ entry }) => entry.kind === "owner" ? [entry] : []);
  const pid = owners.at(-1)?.pid;
  return {
    path,
    steps: stepsOf(lines),
    isKept: isKept(lines),
    owner: pid !== undefined && await holdsLock(pid, file.inode) ? pid : null,
    runs: runsOf(lines),
  };
}

/** Who came after another kept what that one had kept: the steps between two owners are the first one's. */
function runsOf(lines: readonly Line[]): OwnerRun[] {
  const starts = lines.flatMap(({ entry }, index) => entry.kind === "owner" ? [{ ...entry, index }] : []);
  const runs = starts.map(({ scope = null, index }, run): OwnerRun => ({
    steps: stepsOf(lines.slice(index, starts[run + 1]?.index)),
    scope,
  }));
  return runs.filter(({ steps }, run) => steps.length > 0 || run === runs.length - 1);
}

function isKept(lines: readonly Line[]): boolean {
  return stepsOf(unkeptLines(lines)).length === 0 && stepsOf(lines).length > 0;
}

function readFile(path: string): { readonly text: string; readonly inode: number | null } | null {
  try {
    return { text: Deno.readTextFileSync(path), inode: Deno.statSync(path).ino };
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) return null;
    if (!(cause instanceof Error)) throw cause;
    throw journalFileError(path, "read", cause);
  }
}

/**
 * Whether a process holds the lock of a file (flock(2), proc_locks(5)). The pid tells files apart that have the same
 * inode on different devices; the device does not: on btrfs and overlayfs stat(2) names another than the kernel lists.
 */
async function holdsLock(pid: number, inode: number | null): Promise<boolean> {
  const locks = await requireCommand("cat", ["/proc/locks"]);
  return new RegExp(` FLOCK .* ${pid} [\\da-f]+:[\\da-f]+:${inode} 0 EOF$`, "m").test(locks);
}
