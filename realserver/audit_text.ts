/**
 * What `--check` prints: every fact, what it is, what it must be, and why.
 *
 * @module
 */

import { applyCommand } from "../host/step.ts";
import { columnLines } from "../model/plain_text.ts";
import type { Choice } from "./choose_method.ts";
import type { Requirement } from "./requirement.ts";

const HEADINGS = ["", "FACT", "IS", "MUST BE", "WHY"];

/** What makes a host a correct real server. */
export interface Cure {
  /** Makes the host one, and holds it so. */
  readonly command: string;
  /** The process that holds the host already, beside which the command would be refused; `null` if none does. */
  readonly holder: number | null;
}

/** The audit as a table, followed by what it comes to. */
export function auditText(
  choice: Choice,
  requirements: readonly Requirement[],
  cure: Cure,
): string {
  const rows = requirements.map(({ holds, fact, found, wanted, why }) => [
    holds ? "ok" : "FAIL",
    fact,
    found,
    wanted,
    why,
  ]);
  const lines = columnLines([HEADINGS, ...rows]).map((line) => `${line}\n`);
  return `method ${choice.method}: ${choice.reason}\n${lines.join("")}${conclusion(requirements, cure)}`;
}

/** The audit for programs. */
export function auditJson(choice: Choice, requirements: readonly Requirement[]): string {
  const facts = requirements.map(({ fact, found, wanted, holds, why, steps, remedy }) => ({
    fact,
    found,
    wanted,
    ok: holds,
    why,
    fix: holds ? null : steps.map(applyCommand).join("\n") || remedy,
  }));
  const ok = requirements.every((requirement) => requirement.holds);
  return JSON.stringify({ ...choice, ok, facts }, null, 2) + "\n";
}

function conclusion(requirements: readonly Requirement[], { command, holder }: Cure): string {
  const failed = requirements.filter((requirement) => !requirement.holds);
  if (failed.length === 0) return "This host is a correct real server\n";
  const obstacles = failed.filter(({ steps, remedy }) => steps.length === 0 && remedy !== null);
  const count = `${failed.length} of ${requirements.length} facts ${failed.length === 1 ? "fails" : "fail"}`;
  return [
    ...(obstacles.length === 0 ? [] : ["By hand, first:"]),
    ...obstacles.map(({ remedy }) => `  ${remedy!.replaceAll("\n", "\n  ")}`),
    `This host is not a correct real server: ${count}; ${
      holder === null
        ? `what makes it one: ${command}`
        : `process ${holder} holds this host: restart it, or stop it and type: ${command}`
    }`,
    "",
  ].join("\n");
}
