/**
 * What `lvsdr realserver` has written down about a host, read without taking the journal from its owner.
 *
 * @module
 */

import { readBootId } from "../../host/boot_id.ts";
import { runCommand } from "../../host/command.ts";
import { type Step, stepFromJson } from "../../host/step.ts";
import type { Method } from "../../model/config.ts";
import type { RoleJournal } from "./facts.ts";

interface Line {
  readonly kind: string;
  readonly bootId?: string;
  readonly pid?: number;
  readonly step?: unknown;
}

/** Path of the journal in a run directory. */
export function journalPathIn(runDir: string): string {
  return `${runDir}/realserver.journal`;
}

/** The journal of a run directory; `null` if there is none, or none of this boot. */
export async function readRoleJournal(runDir: string): Promise<RoleJournal | null> {
  const path = journalPathIn(runDir);
  const text = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (text === null) return null;
  // What follows the last line break is a line that is just being written.
  const lines = text.split("\n").slice(0, -1).map((line) => JSON.parse(line) as Line);
  if (lines[0]?.bootId !== await readBootId()) return null;
  const steps = lines.filter(({ kind }) => kind === "step");
  const lastStep = lines.findLastIndex(({ kind }) => kind === "step");
  return {
    path,
    steps: steps.map(({ step }) => stepFromJson(step, path)),
    isKept: lines.slice(lastStep + 1).some(({ kind }) => kind === "kept"),
    owner: await isLocked(path) ? lines.findLast(({ kind }) => kind === "owner")?.pid ?? null : null,
  };
}

/** Whether a process holds the lock of a file (flock(2), proc_locks(5)). */
async function isLocked(path: string): Promise<boolean> {
  const { ino } = await Deno.stat(path);
  const { stdout } = await runCommand("cat", ["/proc/locks"]);
  return stdout.split("\n").some((line) => / FLOCK .*:(\d+) 0 EOF$/.exec(line)?.[1] === String(ino));
}

/** The method that steps are of; `null` if they do not tell. */
export function methodOfSteps(steps: readonly Step[]): Method | null {
  for (const step of steps) {
    switch (step.kind) {
      case "arptablesRule":
        return "arptables";
      case "iptablesRule":
        return "redirect";
      case "addLocalRoute":
        return "route";
      case "nftTable":
        return step.family === "inet" ? "redirect" : "nft";
    }
  }
  return steps.some(({ kind }) => kind === "addAddress") ? "loopback" : null;
}

/** The VIPs that steps gave the host. */
export function vipsOfSteps(steps: readonly Step[]): string[] {
  return steps.flatMap((step) =>
    step.kind === "addAddress" || step.kind === "addLocalRoute" ? [step.address] : []
  );
}
