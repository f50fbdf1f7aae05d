/**
 * Checks of a real server's reverse path filter: what it drops, and what it would.
 *
 * @module
 */

import { sysctlName } from "../../host/sysctl.ts";
import { deviceSysctl } from "../../realserver/host_state.ts";
import { sysctlEvidence } from "./audit_checks.ts";
import type { Check, Observation } from "./check.ts";
import type { Facts, HostFacts } from "./facts.ts";
import type { StrictInterface } from "./strict_interfaces.ts";

const CAUSE =
  "strict reverse path filtering (1) wants a client's packets to come by the interface that the answer would " +
  "leave by; 2 lets them in";
/** Prefixes that a sentence can name and still be read. */
const MOST_NAMED = 4;
/** Routes that are shown as evidence: a router may have thousands. */
const MOST_SHOWN = 16;

/** Packets are dropped, or must be: answers to all that have no route of their own leave by another interface. */
export const REVERSE_PATH_CHECK: Check = {
  id: "rp-filter",
  level: "error",
  roles: ["realserver"],
  look: (facts) => [...wrongFilters(facts), ...droppingFilters(facts)],
};

/** Nothing is dropped now: there may be no client behind those routes, or none that comes through a director. */
export const STRICT_FILTER_NOTE: Check = {
  id: "rp-filter-strict",
  level: "note",
  roles: ["realserver"],
  look: ({ realServer, host }) =>
    (realServer?.strictInterfaces ?? []).filter((strict) => !isDropping(strict)).map((strict) => ({
      problem: `${strict.device} would drop clients' packets from ${prefixesText(strict)}`,
      evidence: evidenceOf(strict, host),
      cause: `answers to them leave by ${leavingText(strict)}, and ${CAUSE}: ${fixOf(strict.device)}`,
      fix: null,
    })),
};

function wrongFilters({ realServer, host }: Facts): Observation[] {
  return (realServer?.requirements ?? []).filter(({ fact, holds }) => /^rp_filter on /.test(fact) && !holds)
    .map((requirement) => ({
      problem:
        `This host drops packets of clients that it would answer through another interface: ${requirement.fact} ` +
        `is ${requirement.found}`,
      evidence: [
        ...sysctlEvidence(requirement, host.sysctls),
        `IPReversePathFilter = ${host.reversePathDrops} in /proc/net/netstat`,
      ],
      cause: CAUSE,
      fix: (requirement.sysctls ?? []).map((key) => `sysctl -w ${sysctlName(key)}=2`).at(-1) ?? null,
    }));
}

function droppingFilters({ realServer, host }: Facts): Observation[] {
  return (realServer?.strictInterfaces ?? []).filter(isDropping).map((strict) => ({
    problem:
      `This host drops packets now, and must drop those that come by ${strict.device} from clients in ` +
      `${prefixesText(strict)}: it would answer them through ${leavingText(strict)}`,
    evidence: evidenceOf(strict, host),
    cause: CAUSE,
    fix: fixOf(strict.device),
  }));
}

function isDropping({ drops: [earlier, later] }: StrictInterface): boolean {
  return later > earlier;
}

function evidenceOf({ device, routes, drops: [earlier, later] }: StrictInterface, host: HostFacts): string[] {
  const sysctls = ["all", device].map((name) => deviceSysctl(name, "rp_filter"));
  return [
    ...sysctlEvidence({ sysctls }, host.sysctls),
    `IPReversePathFilter = ${earlier}, and ${later} a second later, in /proc/net/netstat`,
    ...routes.slice(0, MOST_SHOWN).map(({ prefix, device: way }) =>
      `${prefix} dev ${way} (ip route show table all)`
    ),
  ];
}

function prefixesText({ routes }: StrictInterface): string {
  const prefixes = [...new Set(routes.map(({ prefix }) => prefix))];
  const more = prefixes.length - MOST_NAMED;
  return prefixes.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function leavingText({ routes }: StrictInterface): string {
  return [...new Set(routes.map(({ device }) => device))].join(", ");
}

function fixOf(device: string): string {
  return `sysctl -w ${sysctlName(deviceSysctl(device, "rp_filter"))}=2`;
}
