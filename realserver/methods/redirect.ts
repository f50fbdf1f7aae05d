/**
 * Method redirect: the host has no VIP at all, so there is nothing ARP or NDP could tell; nft(8), or iptables(8) where
 * nft is missing, hands packets for the VIP's ports to this host, on the same or another port, and the kernel's
 * connection tracking makes the answers come from the VIP.
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import type { FilterProgram, HostState } from "../host_state.ts";
import { iptablesRules, iptablesRuleText } from "../iptables_rules.ts";
import { redirectTable } from "../nft_rules.ts";
import type { Requirement } from "../requirement.ts";
import type { Target } from "../target.ts";
import { earlierRulesRequirement } from "./earlier_rules.ts";
import { programsInstalled } from "./filter_program.ts";
import { ruleRequirement } from "./filter_rule.ts";
import { tableRequirement } from "./nft_table.ts";
import { onNothing } from "./placement.ts";

const WHY = "nothing else makes the host accept packets for an address it does not have";

/**
 * Requirements of the redirect method.
 *
 * @throws {OperatorError} If the ports of a VIP are not known.
 */
export function redirectRequirements(state: HostState, targets: readonly Target[]): Requirement[] {
  const without = targets.find(({ bindings }) => bindings.length === 0);
  if (without !== undefined) {
    throw new OperatorError(
      `Cannot redirect ${without.vip}: method redirect needs to know its ports`,
      ExitCode.USAGE,
      { remedy: "Add --port N for each, or use -c FILE" },
    );
  }
  const why = "with the redirect method the host needs no VIP, and one it has would be answered for";
  const programs = redirectPrograms(state.programs, targets);
  return [
    ...programsInstalled(state, programs),
    ...targets.map((target) => onNothing(state, target, why)),
    ...(programs.includes("nft")
      ? [tableRequirement(state, redirectTable(targets), WHY), earlierRulesRequirement(state, targets)]
      : iptablesRequirements(state, targets)),
  ];
}

/** Programs that load the rules for targets on a host that has `installed`, which may lack some of them. */
export function redirectPrograms(
  installed: ReadonlySet<FilterProgram>,
  targets: readonly Target[],
): FilterProgram[] {
  if (installed.has("nft") || !installed.has("iptables")) return ["nft"];
  return [...new Set(iptablesRules(targets).map(({ program }) => program))];
}

function iptablesRequirements(state: HostState, targets: readonly Target[]): Requirement[] {
  return iptablesRules(targets).map(({ traffic, program, args }) => {
    const place = state.iptablesRules.get(iptablesRuleText({ program, args }));
    const step = { kind: "iptablesRule", program, args } as const;
    const chain = `${program} nat PREROUTING`;
    return { ...ruleRequirement(`${chain} for ${traffic}`, step, place, WHY), part: chain };
  });
}
