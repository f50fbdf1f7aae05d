/**
 * What `lvsdr realserver` has written down about a host, read without taking the journal from its owner.
 *
 * @module
 */

import type { OwnerScope } from "../../host/journal_lines.ts";
import { type JournalReading, type OwnerRun, readJournal } from "../../host/read_journal.ts";
import type { Step } from "../../host/step.ts";
import type { Method } from "../../model/config.ts";
import { journalPathIn } from "../../realserver/journal_path.ts";

/** The journal of `lvsdr realserver`. */
export interface RoleJournal extends Omit<JournalReading, "runs"> {
  /** What the host has been changed for, by whatever owners; `null` if none has said. */
  readonly scope: OwnerScope | null;
}

/**
 * The journal of a run directory; `null` if there is none, or none of this boot and network namespace.
 *
 * @throws {HostError} If it may not be read, or is damaged.
 */
export async function readRoleJournal(runDir: string): Promise<RoleJournal | null> {
  const reading = await readJournal(journalPathIn(runDir));
  if (reading === null) return null;
  const { runs, ...journal } = reading;
  return { ...journal, scope: scopeOfRuns(runs, methodOfSteps(journal.steps)) };
}

/**
 * What runs that used a method were for, together: each with `--once` leaves its own VIPs. Of a VIP that several had, the
 * last one counts. What another method was used for is judged by other rules, so it is left out.
 *
 * @param method `null` if the steps of no run tell.
 */
export function scopeOfRuns(runs: readonly OwnerRun[], method: Method | null): OwnerScope | null {
  const scopes = runs.flatMap(({ scope, steps }) => {
    const isLike = method === null || steps.length === 0 || methodOfRun(steps) === method;
    return scope === null || !isLike ? [] : [scope];
  });
  if (scopes.length === 0) return null;
  const interfaces = [...new Set(scopes.map((scope) => scope.interface))];
  const vips = new Map(scopes.flatMap((scope) => scope.vips).map((address) => [address.vip, address]));
  return { interface: interfaces.length === 1 ? interfaces[0]! : null, vips: [...vips.values()] };
}

/** Where the VIP was there already, the kernel variables alone are what method loopback changes. */
function methodOfRun(steps: readonly Step[]): Method {
  return methodOfSteps(steps) ?? "loopback";
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
