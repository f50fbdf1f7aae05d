/**
 * That a rule of arptables(8) or iptables(8) is in force: it is there, and no other rule comes before it.
 *
 * @module
 */

import type { RulePlace } from "../../host/filter_rules.ts";
import { type ArptablesRule, type IptablesRule, undoCommand, undoWords } from "../../host/step.ts";
import type { Requirement } from "../requirement.ts";

/**
 * The requirement that a rule is in force.
 *
 * @param place Where it is; `undefined` if it is not there.
 */
export function ruleRequirement(
  fact: string,
  step: ArptablesRule | IptablesRule,
  place: RulePlace | undefined,
  why: string,
): Requirement {
  const rule = step.args.join(" ");
  const holds = place === "in force";
  return {
    fact,
    found: place === undefined ? "no such rule" : holds ? rule : `${rule}, ${place}`,
    wanted: holds || place === undefined ? rule : `${rule}, before every other rule`,
    holds,
    why,
    // At the start it may be the operator's: then lvsdr's own comes to the head beside it.
    steps: holds ? [] : [step],
    remedy: null,
    restorations: place === undefined || holds ? [] : [{
      sentence: `take back the rule that is not reached: ${undoCommand(step)}`,
      words: undoWords(step),
    }],
  };
}
