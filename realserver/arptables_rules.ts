/**
 * The arptables(8) rules that keep ARP from ever naming a VIP.
 *
 * @module
 */

import { familyOf } from "../model/ip_address.ts";
import type { ArptablesRule } from "../host/step.ts";
import type { Target } from "./target.ts";

/** A rule and its reason. */
export interface VipRule extends Pick<ArptablesRule, "chain" | "args"> {
  readonly vip: string;
  readonly why: string;
}

/** The rules that `targets` need; an IPv6 target, or one without an address of its own, has none. */
export function arptablesRules(targets: readonly Target[]): VipRule[] {
  return targets.flatMap(({ vip, realServerAddress }): VipRule[] =>
    realServerAddress === null || familyOf(vip) === 6 ? [] : [
      {
        vip,
        chain: "INPUT",
        args: ["-d", vip, "-j", "DROP"],
        why: "otherwise the host answers ARP requests for the VIP",
      },
      {
        vip,
        chain: "OUTPUT",
        args: ["-s", vip, "-j", "mangle", "--mangle-ip-s", realServerAddress],
        why: "otherwise the host's own ARP requests name the VIP as sender and teach it to neighbours",
      },
    ]
  );
}

/** A rule as arptables(8) would list it; equal texts are the same rule. */
export function ruleText(rule: Pick<ArptablesRule, "chain" | "args">): string {
  return [rule.chain, ...rule.args].join(" ");
}
