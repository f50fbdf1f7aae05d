/**
 * What one change of the host has made wrong: one fact, the same fact of many interfaces, or those of one chain.
 *
 * @module
 */

import { applyCommand } from "../host/step.ts";
import type { SysctlKey } from "../host/sysctl.ts";
import type { HostState } from "./host_state.ts";
import { planSteps, type Requirement, requirementText } from "./requirement.ts";
import { filesSetting } from "./sysctl_files.ts";

/** Facts that are named in one line; of the others their number is. */
const MOST_NAMES = 3;

/** Requirements that do not hold, at least one, because of the same change. */
export type Drift = readonly [Requirement, ...Requirement[]];

/** Puts those requirements together that a change of the same kernel variable, or part, has made wrong. */
export function driftsOf(
  failed: readonly Requirement[],
  states: { readonly verified: HostState; readonly seen: HostState },
): Drift[] {
  const drifts = new Map<string, [Requirement, ...Requirement[]]>();
  for (const requirement of failed) {
    const [key] = changedSysctls(requirement, states).keys();
    const name = key === undefined ? requirement.part ?? `fact ${requirement.fact}` : `variable ${key}`;
    const others = drifts.get(name);
    if (others === undefined) drifts.set(name, [requirement]);
    else others.push(requirement);
  }
  return [...drifts.values()];
}

/** What is wrong, in one sentence without a full stop. */
export function driftText(drift: Drift): string {
  const others = drift.slice(1).map(({ fact }) => fact);
  const text = requirementText(drift[0]);
  return others.length === 0 ? text : `${text}, and with it ${namesText(others)}`;
}

/** Facts by name, in one line. */
export function namesText(facts: readonly string[]): string {
  const rest = facts.length - MOST_NAMES;
  // One that is left over takes no more room by its name than as a number.
  if (rest <= 1) return facts.join(", ");
  return `${facts.slice(0, MOST_NAMES).join(", ")} and ${rest} more`;
}

/**
 * What is known of the cause: the files of sysctl.d(5) that would set variables as they are, else `clues`.
 *
 * @param clues What was reported of the time in which it happened.
 */
export async function causeText(
  drift: Drift,
  states: { readonly verified: HostState; readonly seen: HostState },
  clues: readonly string[],
): Promise<string> {
  const changed = changedSysctls(drift[0], states);
  if (changed.size === 0) return clues.join("; ") || "unknown";
  const files: string[] = [];
  for (const [key, value] of changed) files.push(...await filesSetting(key, value));
  if (files.length > 0) return files.join("; ");
  return [...clues, "no file of sysctl.d(5) sets it so, and the kernel does not tell who did"].join("; ");
}

/** What would put it back, as commands or as advice, in one line. */
export function repairText(drift: Drift): string {
  const remedies = drift.flatMap(({ remedy }) => remedy ?? []);
  const remedy = remedies[0]?.replaceAll("\n", "; ");
  if (isByHand(drift) && remedy !== undefined) return remedy;
  const commands = [
    ...drift.flatMap(({ restorations = [] }) => restorations.map(({ sentence }) => sentence)),
    ...planSteps(drift).map(applyCommand),
  ];
  return commands.join("; ") || (remedy ?? "nothing is known to help");
}

/** Whether a person has to decide about it. */
export function isByHand(drift: Drift): boolean {
  return drift.some(({ restorations = [] }) => restorations.some((restoration) => restoration.isByHand));
}

/** Variables of a fact that are not as they were verified, with their values. */
function changedSysctls(
  { sysctls = [] }: Requirement,
  { verified, seen }: { readonly verified: HostState; readonly seen: HostState },
): Map<SysctlKey, string> {
  const values = sysctls.map((key) => [key, seen.sysctls.get(key) ?? ""] as const);
  return new Map(values.filter(([key, value]) => verified.sysctls.get(key) !== value));
}
