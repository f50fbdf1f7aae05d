/**
 * Method arptables, the form of Red Hat's guides: VIP/32 on the NIC, ARP requests for it dropped on the way in, and
 * whatever would name it as sender rewritten to the host's own address on the way out.
 *
 * @module
 */

import type { ArptablesRule } from "../../host/step.ts";
import { arptablesRules, ruleText } from "../arptables_rules.ts";
import type { HostState } from "../host_state.ts";
import type { Requirement } from "../requirement.ts";
import { familyOf } from "../../model/ip_address.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { assertOwnAddresses, type Target } from "../target.ts";
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
  const rules = arptablesRules(targets).map((rule): Requirement => {
    const { chain, args } = rule;
    const isPresent = state.arptablesRules.has(ruleText(rule));
    const step: ArptablesRule = { kind: "arptablesRule", chain, args, isTableNew: !state.hasArptablesTable };
    return {
      fact: `arptables ${chain} for ${rule.vip}`,
      found: isPresent ? args.join(" ") : "no such rule",
      wanted: args.join(" "),
      holds: isPresent,
      why: rule.why,
      steps: isPresent ? [] : [step],
      remedy: null,
    };
  });
  return [...rules, ...targets.flatMap((target) => onHost(state, target, target.device))];
}
