/**
 * What `--check` prints: every fact, what it is, what it must be, and why.
 *
 * @module
 */

import { applyCommand } from "../host/step.ts";
import type { Choice } from "./choose_method.ts";
import { planSteps, type Requirement } from "./requirement.ts";

const HEADINGS = ["", "FACT", "IS", "MUST BE", "WHY"];

/** The audit as a table, followed by what to do about failures. */
export function auditText(choice: Choice, requirements: readonly Requirement[]): string {
  const rows = requirements.map(({ holds, fact, found, wanted, why }) => [
    holds ? "ok" : "FAIL",
    fact,
    found,
    wanted,
    why,
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(...[HEADINGS, ...rows].map((row) => row[column]?.length ?? heading.length))
  );
  const lines = [HEADINGS, ...rows].map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd() + "\n"
  );
  return `method ${choice.method}: ${choice.reason}\n${lines.join("")}${adviceText(choice, requirements)}`;
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

function adviceText(choice: Choice, requirements: readonly Requirement[]): string {
  const failed = requirements.filter((requirement) => !requirement.holds);
  if (failed.length === 0) return "This host is a correct real server\n";
  const remedies = failed.flatMap(({ steps, remedy }) =>
    steps.length === 0 && remedy !== null ? [remedy] : []
  );
  return [
    `${failed.length} of ${requirements.length} facts fail`,
    ...remedies,
    ...(planSteps(requirements).length > 0
      ? [`The same command with --method ${choice.method} and without --check makes the others hold`]
      : []),
  ].join("\n") + "\n";
}
