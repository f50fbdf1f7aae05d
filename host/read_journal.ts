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

/** What a journal says of the host at one moment. */
export interface JournalReading {
  readonly path: string;
  /** Every step that may be in force, oldest first. */
  readonly steps: readonly Step[];
  /** Whether all steps are meant to stay without an owner. */
  readonly isKept: boolean;
  /** The living process that owns the journal, or `null` if it has ended. */
  readonly owner: number | null;
  /** What the last owner that said so changed the host for; `null` if none did. */
  readonly scope: OwnerScope | null;
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
    scope: owners.findLast(({ scope }) => scope !== undefined)?.scope ?? null,
  };
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
