/**
 * The undo journal: what was changed on this host, written to a file before each change.
 *
 * The file is a stack of JSON lines that grows when a step is about to be made and shrinks when one has been undone, so
 * that at whatever point the process dies, the file names every change that may exist. The process that owns it holds a
 * lock (flock(2)), which the kernel releases however the process ends; the pid in the file is for messages, and for
 * `readJournal`.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import {
  areForeign,
  type Entry,
  journalFileError,
  type Line,
  linesOfBoot,
  type OwnerScope,
  readHostIdentity,
  stepsOf,
  unkeptLines,
} from "./journal_lines.ts";
import type { Step } from "./step.ts";

/** The journal of one owner. Open from {@linkcode Journal.open} to {@linkcode Journal.close}. */
export class Journal implements Disposable {
  readonly path: string;
  readonly #file: Deno.FsFile;
  readonly #lines: Line[];
  readonly #owner: Entry;

  private constructor(path: string, file: Deno.FsFile, lines: Line[], owner: Entry) {
    this.path = path;
    this.#file = file;
    this.#lines = lines;
    this.#owner = owner;
  }

  /**
   * Opens or makes the journal at `path` and owns it until it is closed. It may hold steps of an earlier owner:
   * {@linkcode unkeptSteps} are those of one that crashed.
   *
   * @param scope What the host is changed for, written down for `readJournal`.
   * @throws {HostError} If a living process owns it, it belongs to another network namespace, it is damaged, or it
   * cannot be written.
   */
  static async open(path: string, scope?: OwnerScope): Promise<Journal> {
    const host = await readHostIdentity();
    const file = openLocked(path);
    try {
      const lines = linesOfBoot(path, readText(file), host.bootId);
      if (areForeign(lines, host)) throw foreignNamespace(path);
      const owner = { kind: "owner", pid: Deno.pid, ...(scope === undefined ? {} : { scope }) } as const;
      const journal = new Journal(path, file, lines, owner);
      if (lines.length === 0) {
        journal.#truncate(0);
        journal.#push({ kind: "host", ...host });
      }
      journal.#push(owner);
      return journal;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Every step that may be in force, oldest first. */
  get steps(): readonly Step[] {
    return stepsOf(this.#lines);
  }

  /** The steps made since the last {@linkcode keep}, oldest first. */
  get unkeptSteps(): readonly Step[] {
    return stepsOf(unkeptLines(this.#lines));
  }

  /** Writes down a step that is about to be made. It is on the disk when this returns. */
  record(step: Step): void {
    this.#push({ kind: "step", step });
  }

  /** Strikes out the last step, which has been undone or was never made. */
  strikeLast(): void {
    const index = this.#lines.findLastIndex((line) => line.entry.kind === "step");
    if (index < 0) return;
    const isOwnerStruck = this.#lines.slice(index).some((line) => line.entry.kind === "owner");
    this.#truncate(index);
    if (isOwnerStruck) this.#push(this.#owner);
  }

  /** Lets the steps stay in force after the owner has ended, until somebody undoes them. */
  keep(): void {
    if (this.unkeptSteps.length > 0) this.#push({ kind: "kept" });
  }

  /** Gives the journal up; a journal without steps is removed. */
  close(): void {
    if (this.steps.length === 0) {
      if (inode(this.path) === this.#file.statSync().ino) Deno.removeSync(this.path);
    } else if (this.unkeptSteps.length === 0) {
      this.#truncate(this.#lines.findLastIndex((line) => line.entry.kind === "kept") + 1);
    }
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #push(entry: Entry): void {
    const bytes = new TextEncoder().encode(JSON.stringify(entry) + "\n");
    const startBytes = this.#lines.at(-1)?.endBytes ?? 0;
    this.#file.seekSync(startBytes, Deno.SeekMode.Start);
    let written = 0;
    while (written < bytes.length) written += this.#file.writeSync(bytes.subarray(written));
    this.#file.syncSync();
    this.#lines.push({ entry, endBytes: startBytes + bytes.length });
  }

  #truncate(lineCount: number): void {
    this.#lines.length = lineCount;
    this.#file.truncateSync(this.#lines.at(-1)?.endBytes ?? 0);
    this.#file.syncSync();
  }
}

/** Whether there is a journal at `path`. */
export function journalExists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

function openLocked(path: string): Deno.FsFile {
  while (true) {
    const file = openFile(path);
    if (!file.tryLockSync(true)) {
      const owner = ownerPid(file);
      file.close();
      throw new HostError(
        path,
        `Journal "${path}" is in use by process ${owner ?? "unknown"}`,
        ExitCode.UNAVAILABLE,
        { remedy: `Stop that process first (kill ${owner ?? "PID"}), or use another --run-dir` },
      );
    }
    // Its last owner may have removed the file between our opening and locking it: then we hold a nameless one.
    if (inode(path) === file.statSync().ino) return file;
    file.close();
  }
}

function openFile(path: string): Deno.FsFile {
  try {
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")) || "/", { recursive: true, mode: 0o755 });
    return Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw journalFileError(path, "open", cause);
  }
}

function inode(path: string): number | null {
  try {
    return Deno.statSync(path).ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function readText(file: Deno.FsFile): string {
  const bytes = new Uint8Array(file.statSync().size);
  file.seekSync(0, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < bytes.length) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return new TextDecoder().decode(bytes.subarray(0, filled));
}

/** For the message, so a line that the owner is just writing, or a damaged one, does not matter. */
function ownerPid(file: Deno.FsFile): string | null {
  return [...readText(file).matchAll(/^\{"kind":"owner","pid":(\d+)/gm)].at(-1)?.[1] ?? null;
}

function foreignNamespace(path: string): HostError {
  return new HostError(
    path,
    `Journal "${path}" belongs to another network namespace`,
    ExitCode.UNAVAILABLE,
    {
      remedy: "Undo it there, use another --run-dir here, or delete the file if that namespace is gone",
    },
  );
}
