/**
 * What `lvsdr realserver` has written down about a host, read without taking the journal from its owner.
 *
 * @module
 */

import { type JournalReading, readJournal } from "../../host/read_journal.ts";
import type { Step } from "../../host/step.ts";
import type { Method } from "../../model/config.ts";

/** Path of the journal in a run directory. */
export function journalPathIn(runDir: string): string {
  return `${runDir}/realserver.journal`;
}

/**
 * The journal of a run directory; `null` if there is none, or none of this boot and network namespace.
 *
 * @throws {HostError} If it may not be read, or is damaged.
 */
export async function readRoleJournal(runDir: string): Promise<JournalReading | null> {
  return await readJournal(journalPathIn(runDir));
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
