/**
 * A verification as text for people.
 *
 * @module
 */

import { formatRange } from "../config/port_list.ts";
import { counted } from "../model/counted.ts";
import { endpointText } from "../model/ip_address.ts";
import { columnLines, printable } from "../model/plain_text.ts";
import { outcomeText } from "./finding.ts";
import type { PortProof, Verification } from "./verification.ts";
import type { PortOutcome, View } from "./verify_look.ts";

/** The text `lvsdr verify` prints. */
export function verificationText(verification: Verification): string {
  const { views, audits, holders, proofs, findings } = verification;
  const probed = views.filter(({ probeAddress }) => probeAddress !== null);
  const sections = [
    headline(verification),
    section("ARP and NDP: each real server was asked for each VIP and must keep silent", [
      ["Server", "MAC", "VIP", "Verdict"],
      ...audits.map(({ server, mac, vip, verdict }) => [server, mac ?? "unknown", vip, verdict]),
    ]),
    ...holders.filter(({ macs, isOurs }) => macs.length === 1 && !isOurs).map(({ vip, macs }) =>
      `  ${vip} is answered for by ${macs[0]}, no real server: right if that is the director\n`
    ),
    section(
      `Path: ${
        probed.length === 0
          ? "nothing probed"
          : `a SYN to each real server's MAC, from ${probed.map(probeAddressText).join(", ")}`
      }`,
      [
        ["Service", "VIP", "Server", "Verdict"],
        ...proofs.map((
          proof,
        ) => [proof.service, placeOf(proof), proof.server, portOutcomeText(proof.outcome)]),
      ],
    ),
    ...[...Map.groupBy(findings, ({ host, command }) => `  on ${host}: ${printable(command)}\n`)].map((
      [remedy, alike],
    ) => `\n${alike.map(({ problem }) => `${printable(problem)}\n`).join("")}${remedy}`),
  ];
  return sections.join("");
}

function probeAddressText({ probeAddress, displaced }: View): string {
  if (displaced === null) return probeAddress!;
  const holder = displaced.isOurs ? "the director on this host" : displaced.mac;
  return `${probeAddress} (director.probe_address ${displaced.address} is in use by ${holder})`;
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

function placeOf({ protocol, vip, ports }: PortProof): string {
  return `${endpointText(vip, formatRange(ports))}${protocol === "udp" ? "/udp" : ""}`;
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
  return `\n${title}\n${columnLines(rows).map((line) => `  ${line}\n`).join("")}`;
}
