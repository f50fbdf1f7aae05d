/**
 * A diagnosis as text for people.
 *
 * @module
 */

import { counted } from "../../model/counted.ts";
import { printable } from "../../model/plain_text.ts";
import type { Finding } from "./check.ts";
import type { Role } from "./facts.ts";

/** What the doctor has to say about a host. */
export interface Diagnosis {
  readonly role: Role;
  /** How the role was told. */
  readonly reason: string;
  readonly vips: readonly string[];
  /** Whether nothing is wrong. */
  readonly ok: boolean;
  /** The worst first. */
  readonly findings: readonly Finding[];
  /** What is good to know and no fault. */
  readonly notes: readonly Finding[];
}

const ROLE_WORDS: Readonly<Record<Role, string>> = { director: "a director", realserver: "a real server" };

/** The text `lvsdr doctor` prints. */
export function diagnosisText({ role, reason, vips, findings, notes }: Diagnosis): string {
  return [
    `This host is ${ROLE_WORDS[role]} of ${vips.join(", ") || "no known VIP"}: ${reason}`,
    findings.length === 0
      ? "Nothing is wrong"
      : `${levelText(findings, "error")}, ${levelText(findings, "warning")}`,
    ...findings.flatMap((finding) => ["", ...findingLines(finding)]),
    ...(notes.length === 0 ? [] : ["", "Good to know"]),
    ...notes.flatMap(({ id, problem, cause, evidence, link }) => [
      `  ${id}: ${printable(problem)}: ${printable(cause)}`,
      `    ${[...evidence.map(printable), link].join("; ")}`,
    ]),
    "",
  ].join("\n");
}

function findingLines(finding: Finding): string[] {
  const { id, level, problem, evidence, cause, fix, advice, link } = finding;
  return [
    `${level.toUpperCase()} ${id}: ${printable(problem)}`,
    ...evidence.map((line) => `  seen   ${printable(line)}`),
    `  cause  ${printable(cause)}`,
    ...fixLines(finding),
    ...(advice === null ? [] : [`  ${fix === null ? "fix " : "then"}   ${printable(advice)}`]),
    `  more   ${link}`,
  ];
}

/**
 * Several lines begin where the paper does, as a here-document must when it is pasted. Of two directors, each takes the other
 * for the one to stop: it must be seen that another host is meant.
 */
function fixLines({ fix, host }: Finding): string[] {
  if (fix === null) return [];
  const lines = fix.split("\n").map(printable);
  const place = host === "this host" ? "" : `on ${printable(host)}, not here: `;
  return lines.length === 1 ? [`  fix    ${place}${lines[0]}`] : [`  fix    ${place}`.trimEnd(), ...lines];
}

function levelText(findings: readonly Finding[], level: "error" | "warning"): string {
  return counted(findings.filter((finding) => finding.level === level).length, level);
}
