/**
 * Method arptables, the form of Red Hat's guides: VIP/32 on the NIC, ARP requests for it dropped on the way in, and
 * whatever would name it as sender rewritten to the host's own address on the way out.
 *
 * @module
 */

import type { ArptablesRule } from "../../host/step.ts";
import { arptablesRules, ruleText } from "../arptables_rules.ts";
import type { HostState } from "../host_state.ts";
import { eachFactOnce, type Requirement } from "../requirement.ts";
import { familyOf } from "../../model/ip_address.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { assertOwnAddresses, type Target } from "../target.ts";
import { programsInstalled } from "./filter_program.ts";
import { ruleRequirement } from "./filter_rule.ts";
import { onHost } from "./placement.ts";

/**
 * Requirements of the arptables method, in the safe order: the addresses come last.
 *
 * @throws {OperatorError} If a VIP is IPv6.
 * @throws {HostError} If a target's interface has no address of its own.
 */
export function arptablesRequirements(state: HostState, targets: readonly Target[]): Requirement[] {
  const ipv6 = targets.find(({ vip }) => familyOf(vip) === 6);
  if (ipv6 !== undefined) {
    throw new OperatorError(
      `Cannot use method arptables for ${ipv6.vip}: arptables filters ARP, which IPv6 has not`,
      ExitCode.USAGE,
      { remedy: "Use --method loopback, or --method nft, which filters neighbour discovery" },
    );
  }
  assertOwnAddresses(targets);
  const rules = arptablesRules(targets).map((rule) => {
    const { chain, args } = rule;
    const step: ArptablesRule = { kind: "arptablesRule", chain, args, isTableNew: !state.hasArptablesTable };
    const place = state.arptablesRules.get(ruleText(rule));
    return ruleRequirement(`arptables ${chain} for ${rule.vip}`, step, place, rule.why);
  });
  return [
    ...programsInstalled(state, ["arptables"]),
    ...tableAwake(state),
    ...rules,
    ...eachFactOnce(targets.flatMap((target) => onHost(state, target, target.device))),
  ];
}

/** The table of the nft-based arptables works; nothing to say if it does. */
function tableAwake({ arptablesTableFlags: flags }: HostState): Requirement[] {
  if (!/\bdormant\b/.test(flags)) return [];
  // Naming a table without flags takes its flags away.
  const words = ["nft", "add", "table", "arp", "filter"];
  return [{
    fact: "nft table arp filter",
    found: `there with flags ${flags}`,
    wanted: "there without flags",
    holds: false,
    why: "the rules of a table that is dormant are not in force",
    steps: [],
    remedy: words.join(" "),
    restorations: [{ sentence: "take the flags of nft table arp filter away", words }],
  }];
}
