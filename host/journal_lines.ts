/**
 * The lines of an undo journal: what they say, and reading them.
 *
 * The first line names the boot and the network namespace that the rest is about. It is judged before anything else is
 * read: what a crash of the whole machine has left half-written is void after the next boot.
 *
 * @module
 */

import type { PortRange, Protocol } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { readBootId } from "./boot_id.ts";
import { type Step, stepFromJson } from "./step.ts";

/** Boot and network namespace of a process. */
export interface HostIdentity {
  /** Changes do not survive a boot: a journal of another boot is void. */
  readonly bootId: string;
  /** Inode of the network namespace that was changed. */
  readonly networkNamespace: number;
}

/** What the owner of a journal changes the host for, so that others can look at the same. */
export interface OwnerScope {
  /** The only interface to change, or `null` for whatever is needed. */
  readonly interface: string | null;
  readonly vips: readonly {
    readonly vip: string;
    /** Own address of the host by which the director knows it; `null` if it has none. */
    readonly realServerAddress: string | null;
    /** Ports that clients use, and the port of the host that gets their traffic; `null` means the same. */
    readonly bindings: readonly {
      readonly protocol: Protocol;
      readonly ports: readonly PortRange[];
      readonly localPort: number | null;
    }[];
  }[];
}

/** What one line says. */
export type Entry =
  | { readonly kind: "host" } & HostIdentity
  | { readonly kind: "owner"; readonly pid: number; readonly scope?: OwnerScope }
  | { readonly kind: "step"; readonly step: Step }
  /** What stands before is meant to stay although its owner has ended. */
  | { readonly kind: "kept" };

export interface Line {
  readonly entry: Entry;
  /** Bytes of the file up to the end of the line. */
  readonly endBytes: number;
}

/** Identity of this process's host. */
export async function readHostIdentity(): Promise<HostIdentity> {
  return {
    bootId: await readBootId(),
    networkNamespace: Deno.statSync("/proc/self/ns/net").ino ?? 0,
  };
}

/**
 * Reads the lines of the text of a journal; none if it is of another boot.
 *
 * @throws {HostError} If a line is damaged or holds a step that this version does not know.
 */
export function linesOfBoot(path: string, text: string, bootId: string): Line[] {
  // What follows the last line break is a line whose writing was cut short: its step was never made.
  const texts = text.split("\n").slice(0, -1);
  const first = texts[0] === undefined ? null : entryFromText(path, texts[0]);
  if (first?.kind !== "host" || first.bootId !== bootId) return [];
  const lines: Line[] = [];
  let endBytes = 0;
  for (const text of texts) {
    endBytes += new TextEncoder().encode(text).length + 1;
    lines.push({ entry: entryFromText(path, text), endBytes });
  }
  return lines;
}

/** Whether lines are about another network namespace than `host`'s. */
export function areForeign(lines: readonly Line[], host: HostIdentity): boolean {
  const first = lines[0]?.entry;
  return first?.kind === "host" && first.networkNamespace !== host.networkNamespace;
}

/** The steps of lines, oldest first. */
export function stepsOf(lines: readonly Line[]): Step[] {
  return lines.flatMap(({ entry }) => entry.kind === "step" ? [entry.step] : []);
}

/** The lines since the last one that says that what stands before it is meant to stay. */
export function unkeptLines(lines: readonly Line[]): readonly Line[] {
  return lines.slice(lines.findLastIndex(({ entry }) => entry.kind === "kept") + 1);
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

/** What an operator is told of a journal whose file cannot be used. */
export function journalFileError(path: string, verb: "open" | "read", cause: Error): HostError {
  const isForbidden = cause instanceof Deno.errors.PermissionDenied;
  return new HostError(
    path,
    `Cannot ${verb} the undo journal "${path}": ${cause.message}`,
    isForbidden ? ExitCode.NO_PERMISSION : ExitCode.FAILED,
    { cause, remedy: isForbidden ? "Run as root, or choose another --run-dir" : "Choose another --run-dir" },
  );
}
