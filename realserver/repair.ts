/**
 * Putting back what was taken apart.
 *
 * The journal goes on to name exactly the difference to the host as it was at the start: what is put back is in it
 * already, or was there before the role and is nobody's to undo, or is written down now.
 *
 * @module
 */

import { applyBeneath, type Report } from "../host/change_host.ts";
import { requireCommand } from "../host/command.ts";
import type { Journal } from "../host/journal.ts";
import { addressesLike, hostPrefixLength, type Link } from "../host/links.ts";
import { applyStep, isSameChange, type Step, stepSentence } from "../host/step.ts";
import { type SysctlKey, sysctlName, writeSysctl } from "../host/sysctl.ts";
import { HostError } from "../model/operator_error.ts";
import { ruleText } from "./arptables_rules.ts";
import type { HostState } from "./host_state.ts";
import { iptablesRuleText } from "./iptables_rules.ts";
import { planSteps, type Requirement, type Restoration } from "./requirement.ts";
import type { Look } from "./task.ts";

export interface Repairing {
  readonly journal: Journal;
  /** The host before the role changed anything. */
  readonly atStart: Look;
  /** The host when everything had been verified. */
  readonly verified: Look;
  look(): Promise<Look>;
  readonly report: Report;
}

/**
 * Puts everything back: what hides a VIP before the VIP. What cannot be put back does not keep the rest from it, but the
 * VIP is not added then.
 *
 * @param failed The requirements that do not hold as `seen`.
 * @throws {HostError} If the host refuses something; the first of such errors.
 */
export async function repairHost(
  repairing: Repairing,
  seen: Look,
  failed: readonly Requirement[],
): Promise<void> {
  const refusals: HostError[] = [];
  const attempt = async (action: () => Promise<unknown>) => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      refusals.push(error);
    }
  };
  const values = { found: seen.state.sysctls, wanted: repairing.verified.state.sysctls };
  // The variables of `all` are part of a fact of every interface.
  for (const key of new Set(failed.flatMap(({ sysctls = [] }) => sysctls))) {
    await attempt(() => restoreSysctl(key, values, repairing.report));
  }
  for (const restoration of failed.flatMap(({ restorations = [] }) => restorations)) {
    if (!restoration.isByHand) await attempt(() => restore(restoration, repairing.report));
  }
  const { requirements, state } = await repairing.look();
  for (const step of planSteps(requirements)) {
    if (refusals.length > 0 && isExposing(step)) continue;
    await attempt(() => makeAgain(repairing, step, state.links));
  }
  if (refusals.length > 0) throw refusals[0];
}

async function makeAgain(
  { report, journal, atStart }: Repairing,
  step: Step,
  links: readonly Link[],
): Promise<void> {
  report(`repair: ${stepSentence(step)}`);
  const isJournaled = journal.steps.some((made) => isSameChange(made, step));
  if (isJournaled || wasMade(step, atStart.state, links)) await applyStep(step);
  else await applyBeneath(journal, step, exposingSteps(journal.steps));
}

/**
 * Whether what a step makes was there at the start, so that making it again leaves nothing to undo.
 *
 * @param links The interfaces as they are now.
 */
function wasMade(step: Step, atStart: HostState, links: readonly Link[]): boolean {
  switch (step.kind) {
    case "addAddress": {
      // By the number of the interface, because it may have been renamed.
      const index = links.find(({ name }) => name === step.device)?.index;
      const device = atStart.links.find((link) => link.index === index);
      return device !== undefined &&
        addressesLike(device, step.address).some((held) =>
          held.address === step.address && held.prefixLength === hostPrefixLength(step.address)
        );
    }
    case "addLocalRoute":
      return atStart.localRoutes.has(step.address);
    case "nftTable":
      return [...atStart.nftTables.keys()].some((family) => family === step.family);
    case "arptablesRule":
      return atStart.arptablesRules.get(ruleText(step)) === "in force";
    case "iptablesRule":
      return atStart.iptablesRules.get(iptablesRuleText(step)) === "in force";
    case "setSysctl":
    case "disableFeatures":
      // A value that is set anew was another one before.
      return false;
  }
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
