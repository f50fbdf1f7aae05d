/**
 * A fact that must hold on a correct real server. Audit, plan and verification are three views of one list of them:
 * the audit prints it, the plan is the steps of those that do not hold, verification is that all hold.
 *
 * @module
 */

import type { Step } from "../host/step.ts";
import type { SysctlKey } from "../host/sysctl.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";

/** A command that removes what came to stand in the way while the role held the host. */
export interface Restoration {
  /** For the log, for example `remove 192.0.2.10/32 from eth0`. */
  readonly sentence: string;
  readonly words: readonly string[];
  /** Text for its standard input. */
  readonly stdin?: string;
  /** Whether it may take more away than it should, so that a person has to decide. */
  readonly isByHand?: boolean;
}

export interface Requirement {
  /** What is looked at, for example `arp_ignore on eth0`. */
  readonly fact: string;
  /** What it is. */
  readonly found: string;
  /** What it must be. */
  readonly wanted: string;
  readonly holds: boolean;
  /** Why it matters, in one sentence without a full stop. */
  readonly why: string;
  /** What makes it hold; empty if it holds, or if only the operator can do it. */
  readonly steps: readonly Step[];
  /** What the operator must do where there are no steps; `null` if nothing. */
  readonly remedy: string | null;
  /**
   * The part of the host that the fact is about, where several facts are about one, for example a chain with a rule for
   * each port: what one change of it has made wrong is told in one line.
   */
  readonly part?: string;
  /** Kernel variables the fact is made of. */
  readonly sysctls?: readonly SysctlKey[];
  /**
   * What makes way for the steps where the fact held before. Never part of a plan: at the start, what these commands
   * remove is the operator's.
   */
  readonly restorations?: readonly Restoration[];
  /** How the role ends where nothing but this kind of fact stands in its way; `FAILED` if absent. */
  readonly exitCode?: ExitCode;
}

/** The requirements, each fact once: one of the host itself comes with every VIP that needs it. */
export function eachFactOnce(requirements: readonly Requirement[]): Requirement[] {
  return [...new Map(requirements.map((requirement) => [requirement.fact, requirement])).values()];
}

/** Steps that make every requirement hold, in the order of the requirements, each step once. */
export function planSteps(requirements: readonly Requirement[]): Step[] {
  const steps = new Map<string, Step>();
  for (const requirement of requirements.filter((requirement) => !requirement.holds)) {
    for (const step of requirement.steps) steps.set(JSON.stringify(step), step);
  }
  return [...steps.values()];
}

/**
 * Passes if every requirement holds or has steps that make it hold.
 *
 * @throws {HostError} Otherwise; it names all that stand in the way.
 */
export function assertFeasible(requirements: readonly Requirement[]): void {
  const obstacles = requirements.filter((requirement) =>
    !requirement.holds && requirement.steps.length === 0
  );
  if (obstacles.length === 0) return;
  const [exitCode, ...others] = new Set(obstacles.map(({ exitCode }) => exitCode));
  throw new HostError(
    "plan",
    `Cannot harden this host: ${obstacles.map(requirementText).join("; ")}`,
    exitCode === undefined || others.length > 0 ? ExitCode.FAILED : exitCode,
    { remedy: obstacles.flatMap(({ remedy }) => remedy === null ? [] : [remedy]).join("\n") },
  );
}

/**
 * Passes if every requirement holds.
 *
 * @throws {HostError} Otherwise; it names those that do not.
 */
export function assertHolding(requirements: readonly Requirement[]): void {
  const failed = requirements.filter((requirement) => !requirement.holds);
  if (failed.length === 0) return;
  throw new HostError(
    "verify",
    `Verification failed: ${failed.map(requirementText).join("; ")}`,
    ExitCode.FAILED,
    { remedy: "Something else on this host changes it back; find that, then try again" },
  );
}

/** What is wrong with a fact, in one sentence without a full stop. */
export function requirementText(requirement: Requirement): string {
  return `${requirement.fact} is ${requirement.found}, it must be ${requirement.wanted} (${requirement.why})`;
}
