/**
 * The undo journal: what was changed on this host, written to a file before each change.
 *
 * The file is a stack of JSON lines that grows when a step is about to be made and shrinks when one has been undone, so
 * that at whatever point the process dies, the file names every change that may exist. The process that owns it holds a
 * lock (flock(2)), which the kernel releases however the process ends; the pid in the file is only for messages.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { readBootId } from "./boot_id.ts";
import { type Step, stepFromJson } from "./step.ts";

/** What one line of the file says. */
type Entry =
  | {
    /** First line. */
    readonly kind: "host";
    /** Changes do not survive a boot: a journal of another boot is void. */
    readonly bootId: string;
    /** Inode of the network namespace that was changed. */
    readonly networkNamespace: number;
  }
  | { readonly kind: "owner"; readonly pid: number }
  | { readonly kind: "step"; readonly step: Step }
  /** What stands before is meant to stay although its owner has ended. */
  | { readonly kind: "kept" };

interface Line {
  readonly entry: Entry;
  /** Bytes of the file up to the end of the line. */
  readonly endBytes: number;
}

/** The journal of one owner. Open from {@linkcode Journal.open} to {@linkcode Journal.close}. */
export class Journal implements Disposable {
  readonly path: string;
  readonly #file: Deno.FsFile;
  readonly #lines: Line[];

  private constructor(path: string, file: Deno.FsFile, lines: Line[]) {
    this.path = path;
    this.#file = file;
    this.#lines = lines;
  }

  /**
   * Opens or makes the journal at `path` and owns it until it is closed. It may hold steps of an earlier owner:
   * {@linkcode unkeptSteps} are those of one that crashed.
   *
   * @throws {HostError} If a living process owns it, it belongs to another network namespace, it is damaged, or it
   * cannot be written.
   */
  static async open(path: string): Promise<Journal> {
    const host = {
      kind: "host",
      bootId: await readBootId(),
      networkNamespace: Deno.statSync("/proc/self/ns/net").ino ?? 0,
    } as const;
    const file = openLocked(path);
    try {
      const lines = readLines(path, file);
      const journal = new Journal(path, file, lines);
      const first = lines[0]?.entry;
      if (first?.kind === "host" && first.bootId === host.bootId) {
        if (first.networkNamespace !== host.networkNamespace) throw foreignNamespace(path);
      } else {
        journal.#truncate(0);
        journal.#push(host);
      }
      journal.#push({ kind: "owner", pid: Deno.pid });
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
    return stepsOf(this.#lines.slice(this.#lines.findLastIndex((line) => line.entry.kind === "kept") + 1));
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
    if (isOwnerStruck) this.#push({ kind: "owner", pid: Deno.pid });
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

function stepsOf(lines: readonly Line[]): Step[] {
  return lines.flatMap(({ entry }) => entry.kind === "step" ? [entry.step] : []);
}

function openLocked(path: string): Deno.FsFile {
  while (true) {
    const file = openFile(path);
    if (!file.tryLockSync(true)) {
      const owner = ownerPid(path, file);
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
    const isForbidden = cause instanceof Deno.errors.PermissionDenied;
    throw new HostError(
      path,
      `Cannot open the undo journal "${path}": ${cause.message}`,
      isForbidden ? ExitCode.NO_PERMISSION : ExitCode.FAILED,
      {
        cause,
        remedy: isForbidden ? "Run as root, or choose another --run-dir" : "Choose another --run-dir",
      },
    );
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

function readLines(path: string, file: Deno.FsFile): Line[] {
  const lines: Line[] = [];
  let endBytes = 0;
  // What follows the last line break is a line whose writing was cut short: its step was never made.
  for (const text of readText(file).split("\n").slice(0, -1)) {
    endBytes += new TextEncoder().encode(text).length + 1;
    lines.push({ entry: entryFromText(path, text), endBytes });
  }
  return lines;
}

function entryFromText(path: string, text: string): Entry {
  let entry: Entry | null;
  try {
    entry = JSON.parse(text);
  } catch {
    entry = null;
  }
  switch (entry?.kind) {
    case "host":
    case "owner":
    case "kept":
      return entry;
    case "step":
      return { kind: "step", step: stepFromJson(entry.step, path) };
    default:
      throw new HostError(path, `Journal "${path}" is damaged: it holds ${text}`, ExitCode.FAILED, {
        remedy: "Take its steps back by hand, then delete it",
      });
  }
}

function ownerPid(path: string, file: Deno.FsFile): number | null {
  try {
    const owner = readLines(path, file).findLast((line) => line.entry.kind === "owner")?.entry;
    return owner?.kind === "owner" ? owner.pid : null;
  } catch {
    return null; // the pid is only for the message, and the owner may be writing
  }
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
