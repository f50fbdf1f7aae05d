/**
 * Holding a hardened host: noticing when something takes the hardening apart, saying so, and putting it back.
 *
 * The journal goes on to name exactly the difference to the host as it was at the start: what is put back is in it
 * already, or was there before the role and is nobody's to undo.
 *
 * @module
 */

import { applyBeneath, type Report } from "../host/change_host.ts";
import { requireCommand } from "../host/command.ts";
import type { Journal } from "../host/journal.ts";
import { applyCommand, applyStep, isSameChange, type Step, stepSentence } from "../host/step.ts";
import { type SysctlKey, sysctlName, writeSysctl } from "../host/sysctl.ts";
import { HostError } from "../model/operator_error.ts";
import { DriftWatch, type WatchScope } from "./drift_watch.ts";
import type { HostRecord } from "./host_record.ts";
import type { HostState } from "./host_state.ts";
import { planSteps, type Requirement, requirementText, type Restoration } from "./requirement.ts";
import { filesSetting } from "./sysctl_files.ts";
import type { Look } from "./task.ts";

export interface Holding {
  readonly journal: Journal;
  /** The host before the role changed anything. */
  readonly atStart: Look;
  /** The host when everything had been verified. */
  readonly verified: Look;
  readonly watchScope: WatchScope;
  /** Whether drift is repaired, or only reported. */
  readonly isRepairing: boolean;
  look(): Promise<Look>;
  /** Called once, when from now on drift is noticed. */
  onReady(): Promise<void>;
  readonly report: Report;
  /** Is told what is seen. */
  readonly record: HostRecord;
}

/** Holds the host until `signal` is aborted. What it cannot repair it reports once, and tries again each second. */
export async function holdHost(holding: Holding, signal: AbortSignal): Promise<void> {
  using watch = new DriftWatch(holding.watchScope);
  const reporter = new DriftReporter(holding);
  let sysctls = holding.verified.state.sysctls;
  let isInOrder = true;
  let isReady = false;
  while (true) {
    const clues = await watch.next({ sysctls, isInOrder }, signal);
    if (clues === null) return;
    try {
      let seen = await holding.look();
      let failed = await reporter.tell(seen, clues);
      if (failed.length > 0 && holding.isRepairing) {
        await repair(holding, seen, failed);
        seen = await holding.look();
        failed = await reporter.tell(seen, []);
      }
      sysctls = seen.state.sysctls;
      isInOrder = failed.length === 0 || !holding.isRepairing;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      reporter.trouble(error);
      isInOrder = false;
    }
    // Said after the first look, when the reports are being listened to.
    if (!isReady) await holding.onReady();
    isReady = true;
  }
}

/** Reports transitions, and nothing twice. */
class DriftReporter {
  readonly #holding: Holding;
  /** What is known to be wrong, by fact. */
  #wrong = new Map<string, string>();
  #trouble = "";

  constructor(holding: Holding) {
    this.#holding = holding;
  }

  /** Returns the requirements that do not hold. */
  async tell(look: Look, clues: readonly string[]): Promise<readonly Requirement[]> {
    const { report, record, isRepairing, verified } = this.#holding;
    const { state, requirements } = look;
    record.looked(look);
    const failed = requirements.filter((requirement) => !requirement.holds);
    const wrong = new Map(failed.map((requirement) => [requirement.fact, requirement.found]));
    for (const requirement of failed) {
      if (this.#wrong.get(requirement.fact) === requirement.found) continue;
      const cause = await causeText(changedSysctls(requirement, verified.state, state), clues);
      record.drifted(requirement, cause);
      report(`drift: ${requirementText(requirement)}; cause: ${cause}`);
      if (!isRepairing || isByHand(requirement)) report(`not repaired: ${repairText(requirement)}`);
    }
    for (const fact of this.#wrong.keys()) {
      if (wrong.has(fact)) continue;
      record.mended(fact);
      // A fact that is listed only while it does not hold has nothing found.
      const found = requirements.find((requirement) => requirement.fact === fact)?.found ?? "as it must be";
      report(`${isRepairing ? "repaired" : "holds again"}: ${fact}: ${found}`);
    }
    this.#wrong = wrong;
    this.#trouble = "";
    return failed;
  }

  trouble(error: HostError): void {
    this.#holding.record.troubled(error.message);
    if (error.message !== this.#trouble) {
      this.#holding.report(`cannot look or repair, trying again: ${error.message}`);
    }
    this.#trouble = error.message;
  }
}

/**
 * Puts everything back, in the order of the requirements: what hides the VIP before the VIP. What cannot be put back
 * does not keep the rest from it, but the VIP is not added then.
 *
 * @throws {HostError} If the host refuses something; the first of such errors.
 */
async function repair(holding: Holding, seen: Look, failed: readonly Requirement[]): Promise<void> {
  const refusals: HostError[] = [];
  const attempt = async (action: () => Promise<unknown>) => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      refusals.push(error);
    }
  };
  const values = { found: seen.state.sysctls, wanted: holding.verified.state.sysctls };
  for (const { sysctls = [], restorations = [] } of failed) {
    for (const key of sysctls) await attempt(() => restoreSysctl(key, values, holding.report));
    for (const restoration of restorations.filter(({ isByHand }) => !isByHand)) {
      await attempt(() => restore(restoration, holding.report));
    }
  }
  const remaining = (await holding.look()).requirements.filter((requirement) => !requirement.holds);
  for (const requirement of remaining) {
    for (const step of planSteps([requirement])) {
      if (refusals.length > 0 && isExposing(step)) continue;
      await attempt(() => makeAgain(holding, requirement, step));
    }
  }
  if (refusals.length > 0) throw refusals[0];
}

async function makeAgain(
  { report, journal, atStart }: Holding,
  { fact }: Requirement,
  step: Step,
): Promise<void> {
  report(`repair: ${stepSentence(step)}`);
  const isJournaled = journal.steps.some((made) => isSameChange(made, step));
  // A variable that is set anew was not so before, whatever the fact it serves was.
  const wasThere = step.kind !== "setSysctl" &&
    atStart.requirements.some((requirement) => requirement.holds && requirement.fact === fact);
  if (isJournaled || wasThere) await applyStep(step);
  else await applyBeneath(journal, step, exposingSteps(journal.steps));
}

async function restore({ sentence, words, stdin }: Restoration, report: Report): Promise<void> {
  report(`repair: ${sentence}`);
  const [program, ...args] = words;
  await requireCommand(program!, args, stdin);
}

async function restoreSysctl(
  key: SysctlKey,
  values: { readonly found: ReadonlyMap<SysctlKey, string>; readonly wanted: ReadonlyMap<SysctlKey, string> },
  report: Report,
): Promise<void> {
  const found = values.found.get(key);
  const wanted = values.wanted.get(key);
  // An interface that has appeared since has no value to go back to.
  if (found === undefined || wanted === undefined || found === wanted) return;
  report(`repair: set ${sysctlName(key)} to ${wanted} (was ${found})`);
  await writeSysctl(key, wanted);
}

/** Whether a step makes the host own a VIP: it must come after what hides the VIP, and go before it. */
function isExposing({ kind }: Step): boolean {
  return kind === "addAddress" || kind === "addLocalRoute";
}

/** The exposing ones of `steps`, each once. */
function exposingSteps(steps: readonly Step[]): Step[] {
  const exposing = steps.filter(isExposing);
  return exposing.filter((step, i) => exposing.findIndex((other) => isSameChange(step, other)) === i);
}

/** Variables of a fact that are not as they were verified, with their values; `null` for a fact of other things. */
function changedSysctls(
  { sysctls }: Requirement,
  verified: HostState,
  seen: HostState,
): Map<SysctlKey, string> | null {
  if (sysctls === undefined) return null;
  const values = sysctls.map((key) => [key, seen.sysctls.get(key) ?? ""] as const);
  return new Map(values.filter(([key, value]) => verified.sysctls.get(key) !== value));
}

async function causeText(
  changed: ReadonlyMap<SysctlKey, string> | null,
  clues: readonly string[],
): Promise<string> {
  if (changed === null) return clues.join("; ") || "unknown";
  const files: string[] = [];
  for (const [key, value] of changed) files.push(...await filesSetting(key, value));
  if (files.length > 0) return files.join("; ");
  return [...clues, "no file of sysctl.d(5) sets it so, and the kernel does not tell who did"].join("; ");
}

function isByHand({ restorations = [] }: Requirement): boolean {
  return restorations.some((restoration) => restoration.isByHand);
}

function repairText(requirement: Requirement): string {
  const { steps, restorations = [], remedy } = requirement;
  if (isByHand(requirement) && remedy !== null) return remedy;
  const commands = [...restorations.map(({ sentence }) => sentence), ...steps.map(applyCommand)];
  return commands.join("; ") || (remedy ?? "nothing is known to help");
}
