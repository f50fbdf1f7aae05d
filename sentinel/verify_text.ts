/**
 * A verification as text for people.
 *
 * @module
 */

import { formatRange } from "../config/port_list.ts";
import { outcomeText, placeText } from "./finding.ts";
import type { PortOutcome, PortProof, Verification } from "./verification.ts";

/** The text `lvsdr verify` prints. */
export function verificationText(verification: Verification): string {
  const { views, audits, holders, proofs, findings } = verification;
  const probeAddresses = views.flatMap(({ probeAddress }) => probeAddress ?? []);
  const sections = [
    headline(verification),
    section("ARP and NDP: each real server was asked for each VIP and must keep silent", [
      ["Server", "MAC", "VIP", "Verdict"],
      ...audits.map(({ server, mac, vip, verdict }) => [server, mac ?? "unknown", vip, verdict]),
    ]),
    ...holders.filter(({ macs }) => macs.length === 1).map(({ vip, macs }) =>
      `  ${vip} is answered for by ${macs[0]}, no real server: right if that is the director\n`
    ),
    section(
      `Path: ${
        probeAddresses.length === 0
          ? "nothing to probe"
          : `a SYN to each real server's MAC, from ${probeAddresses.join(", ")}`
      }`,
      [
        ["Service", "VIP", "Server", "Verdict"],
        ...proofs.map((
          proof,
        ) => [proof.service, placeOf(proof), proof.server, portOutcomeText(proof.outcome)]),
      ],
    ),
    ...findings.map(({ host, problem, command }) => `\n${problem}\n  on ${host}: ${command}\n`),
  ];
  return sections.join("");
}

function headline({ views, proofs, findings }: Verification): string {
  const seen = views.length === 0
    ? ""
    : `, seen from ${[...new Set(views.map((view) => view.interface))].join(", ")}`;
  const proven = proofs.filter(({ outcome }) => outcome.verdict !== "not_provable").length;
  const unproven = proofs.length - proven;
  const rest = unproven === 0 ? "" : `, ${unproven} not provable`;
  if (findings.length === 0) {
    return `Direct routing works${seen}: ${counted(proven, "path")} proven${rest}\n`;
  }
  return `Direct routing is broken${seen}: ${counted(findings.length, "problem")}, see below\n`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function placeOf({ protocol, vip, ports }: PortProof): string {
  return `${placeText(vip, formatRange(ports))}${protocol === "udp" ? "/udp" : ""}`;
}

function portOutcomeText(outcome: PortOutcome): string {
  switch (outcome.verdict) {
    case "unreachable":
      return "real server unreachable";
    case "not_provable":
      return `not provable: ${outcome.reason}`;
    default:
      return outcomeText(outcome);
  }
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()
  );
  return `\n${title}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}
