/**
 * Checks of a real server's hardening: what `lvsdr realserver --check` requires, each failure with a name of its own and
 * the command that mends it.
 *
 * @module
 */

import { shellCommand } from "../../host/command.ts";
import { forwardingKey, isForwarding } from "../../host/forwarding.ts";
import { hostPrefixLength, type Link, linkHolding } from "../../host/links.ts";
import { applyCommand } from "../../host/step.ts";
import { sysctlName } from "../../host/sysctl.ts";
import { familyOf } from "../../model/ip_address.ts";
import { promotionCommands } from "../../realserver/address_promotion.ts";
import type { Requirement, Restoration } from "../../realserver/requirement.ts";
import type { Target } from "../../realserver/target.ts";
import type { Check, Observation } from "./check.ts";
import type { Facts, RealServerFacts } from "./facts.ts";

/** What a requirement that does not hold is called. */
interface Complaint {
  readonly id: string;
  /** Matches {@linkcode Requirement.fact}. */
  readonly fact: RegExp;
  /** Narrows it further. */
  readonly applies?: (requirement: Requirement, facts: Facts) => boolean;
  readonly problem: (requirement: Requirement, vips: string) => string;
  /** Whether its remedy is for a person, unless the role would restore it by a command. */
  readonly isByHand?: true;
}

const NOWHERE = /^(on no interface|absent)$/;
const VIP_FACT = /^VIP /;
/** Of the rules that hand packets for VIPs over. */
const REDIRECT_FACT = /^(nft table inet|nft rules before|ip6?tables) /;
const EARLIER_FACT = /^nft rules before /;
const MISSING_FACT = /^(VIP|local route to) /;

/**
 * The first that fits counts. What hides a VIP stands before what gives it to the host, an interface that comes up
 * included. A test holds the list against every requirement there is.
 */
const COMPLAINTS: readonly Complaint[] = [
  {
    id: "program-missing",
    fact: /^program /,
    problem: ({ fact }, vips) =>
      `${fact.slice("program ".length)} is not installed: nothing can load or look at the rules for ${vips}`,
  },
  {
    id: "ipv6-disabled",
    fact: /^IPv6 on lo$/,
    problem: (_, vips) => `IPv6 is switched off on lo, so that ${vips} cannot be there`,
  },
  {
    id: "arp-ignore",
    fact: /^arp_ignore on /,
    problem: (_, vips) => `This host may answer ARP requests for ${vips}, which only the director must`,
  },
  {
    id: "arp-announce",
    fact: /^arp_announce on /,
    problem: (_, vips) => `This host may ask by ARP with ${vips} as sender, which teaches it to neighbours`,
  },
  {
    id: "vip-filter",
    fact: /^(nft table (arp|ip6)|arptables) /,
    problem: ({ fact, found }, vips) =>
      `What keeps this host silent about ${vips} is gone: ${fact} is ${found}`,
  },
  {
    id: "redirect-rules",
    fact: REDIRECT_FACT,
    problem: ({ fact, found }, vips) => `This host does not accept what is for ${vips}: ${fact} is ${found}`,
  },
  {
    id: "loopback-down",
    fact: /^interface lo$/,
    problem: () => "Interface lo is down, so that addresses on it are nobody's",
  },
  {
    id: "interface-unusable",
    fact: /^(interface|IPv4 on) /,
    problem: ({ fact, found }, vips) => `Nothing for ${vips} can arrive as it should: ${fact} is ${found}`,
    isByHand: true,
  },
  {
    id: "vip-prefix",
    fact: VIP_FACT,
    applies: ({ found, fact }) => {
      const vip = vipOf(fact);
      return [...found.matchAll(/\/(\d+) on /g)].some(([, length]) =>
        Number(length) !== hostPrefixLength(vip)
      );
    },
    problem: ({ found }) => `This host takes a whole subnet for its own: ${found}`,
  },
  {
    id: "vip-forwarded",
    fact: MISSING_FACT,
    applies: ({ found, fact }, facts) => {
      const vip = vipOf(fact);
      return NOWHERE.test(found) && isForwarding(facts.host.sysctls, familyOf(vip), deviceOf(facts, vip));
    },
    problem: ({ fact }) =>
      `This host does not have ${vipOf(fact)} and forwards what is for it: clients reach nobody`,
  },
  {
    id: "vip-missing",
    fact: MISSING_FACT,
    applies: ({ found }) => NOWHERE.test(found),
    problem: ({ fact }) =>
      `This host does not have ${vipOf(fact)} and drops what is for it: clients reach nobody`,
  },
  {
    id: "vip-on-nic",
    fact: VIP_FACT,
    problem: ({ fact, found }) => `${vipOf(fact)} is where nothing keeps this host silent about it: ${found}`,
  },
];

/** The checks, one for each name, in the order in which it is safe to mend what they find. */
export const AUDIT_CHECKS: readonly Check[] = COMPLAINTS.map(({ id }) => ({
  id,
  level: "error",
  roles: ["realserver"],
  look: (facts) =>
    audit(facts).filter((complaint) => complaint.id === id).map(({ observation }) => observation),
}));

interface Complained {
  readonly id: string;
  readonly observation: Observation;
}

function audit(facts: Facts): Complained[] {
  const { realServer } = facts;
  if (realServer === null) return [];
  const vips = realServer.targets.map(({ vip }) => vip).join(", ");
  const found = new Map<string, Complained>();
  for (const requirement of realServer.requirements.filter(({ holds }) => !holds)) {
    const complaint = complaintOf(requirement, facts);
    if (complaint === null) continue;
    const isByHand = complaint.isByHand && requirement.restorations === undefined;
    const fix = isByHand ? null : fixOf(requirement, realServer, facts.host.links);
    const evidence = evidenceOf(requirement, facts);
    // Several interfaces, or several rules, may be mended by one command.
    const key = `${complaint.id} ${fix ?? requirement.fact}`;
    const earlier = found.get(key)?.observation;
    found.set(key, {
      id: complaint.id,
      observation: {
        problem: earlier?.problem ?? complaint.problem(requirement, vips),
        evidence: [...new Set([...(earlier?.evidence ?? []), ...evidence])],
        cause: requirement.why,
        fix,
        ...(isByHand && requirement.remedy !== null ? { advice: requirement.remedy } : {}),
      },
    });
  }
  return [...found.values()];
}

/** The name of a requirement that does not hold; `null` if it is another check's. */
export function complaintOf(requirement: Requirement, facts: Facts): Complaint | null {
  return COMPLAINTS.find(({ fact, applies }) =>
    fact.test(requirement.fact) && (applies?.(requirement, facts) ?? true)
  ) ?? null;
}

function evidenceOf(requirement: Requirement, facts: Facts): string[] {
  const { host } = facts;
  const settings = sysctlEvidence(requirement, host.sysctls);
  if (settings.length > 0) return settings;
  const isMissing = MISSING_FACT.test(requirement.fact) && NOWHERE.test(requirement.found);
  const vip = vipOf(requirement.fact);
  const forwarding = isMissing ? forwardingKey(host.sysctls, familyOf(vip), deviceOf(facts, vip)) : null;
  const command = VIP_FACT.test(requirement.fact) ? " (ip address show)" : "";
  return [
    `${requirement.fact}: ${requirement.found}${command}`,
    ...(forwarding === null
      ? []
      : [`${sysctlName(forwarding)} = ${host.sysctls.get(forwarding) ?? "absent"}`]),
  ];
}

/** The values of the kernel variables that a requirement is made of. */
export function sysctlEvidence(
  { sysctls = [] }: Pick<Requirement, "sysctls">,
  values: ReadonlyMap<string, string>,
): string[] {
  return sysctls.map((key) => `${sysctlName(key)} = ${values.get(key) ?? "absent"}`);
}

function fixOf(
  requirement: Requirement,
  realServer: RealServerFacts,
  links: readonly Link[],
): string | null {
  if (requirement.steps.length > 0) return requirement.steps.map(applyCommand).join("\n");
  const restorations = requirement.restorations ?? [];
  if (restorations.length === 0) return requirement.remedy;
  return [
    ...replacement(requirement, realServer),
    ...promotionCommands(vipOf(requirement.fact), links),
    ...restorations.map(restorationCommand),
  ].join("\n");
}

/** The VIP as it should be, before the misplaced one goes, so that clients lose nothing. */
function replacement({ fact, found }: Requirement, { method, targets }: RealServerFacts): string[] {
  const target = targets.find(({ vip }) => fact === `VIP ${vip}`);
  if (target === undefined || method === "redirect" || method === "route") return [];
  const device = method === "arptables" ? target.device : "lo";
  const { vip: address } = target;
  if (found.split(", ").includes(`${address}/${hostPrefixLength(address)} on ${device}`)) return [];
  return [applyCommand({ kind: "addAddress", address, device })];
}

function restorationCommand({ words, stdin }: Restoration): string {
  const command = shellCommand(words);
  return stdin === undefined ? command : `${command} <<'END'\n${stdin}END`;
}

function vipOf(fact: string): string {
  return fact.slice(fact.lastIndexOf(" ") + 1);
}

/** Interface that packets for a VIP arrive on. */
function deviceOf({ realServer }: Facts, vip: string): string | null {
  return realServer?.targets.find((target) => target.vip === vip)?.device ?? null;
}

/** Whether every VIP is where its method wants it, so that no command of this audit moves one. */
export function areVipsInPlace({ requirements }: RealServerFacts): boolean {
  return requirements.every(({ fact, holds }) => holds || !MISSING_FACT.test(fact));
}

/** Whether this host has a VIP in a way that its method gives it. */
export function hasVip({ host, realServer }: Facts, { vip }: Target): boolean {
  if (linkHolding(host.links, vip) !== null) return true;
  const requirements = realServer?.requirements ?? [];
  const isMissing = requirements.some(({ fact, found, holds }) =>
    !holds && MISSING_FACT.test(fact) && vipOf(fact) === vip && NOWHERE.test(found)
  );
  const areRulesMissing = requirements.some(({ fact, holds }) =>
    // A rule before them is about some of the VIPs' ports.
    !holds && REDIRECT_FACT.test(fact) && !EARLIER_FACT.test(fact)
  );
  return !isMissing && !areRulesMissing;
}
