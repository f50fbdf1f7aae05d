/**
 * The rules of iptables(8) and ip6tables(8) that hand a VIP's traffic to the host itself, for hosts without nft.
 *
 * @module
 */

import { familyOf } from "../model/ip_address.ts";
import type { IptablesRule } from "../host/step.ts";
import type { Target } from "./target.ts";

/** A rule and the VIP it is for. */
export interface RedirectRule extends Omit<IptablesRule, "kind"> {
  readonly vip: string;
}

/** The rules that `targets` need, one for each range of ports. */
export function iptablesRules(targets: readonly Target[]): RedirectRule[] {
  return targets.flatMap(({ vip, bindings }) =>
    bindings.flatMap(({ protocol, ports, localPort }) =>
      ports.map(({ first, last }): RedirectRule => ({
        vip,
        program: familyOf(vip) === 6 ? "ip6tables" : "iptables",
        args: [
          ...["-d", vip, "-p", protocol, "--dport", first === last ? `${first}` : `${first}:${last}`],
          ...["-j", "REDIRECT"],
          ...(localPort === null ? [] : ["--to-ports", `${localPort}`]),
        ],
      }))
    )
  );
}

/** A rule as one text; equal texts are the same rule. */
export function iptablesRuleText({ program, args }: Omit<IptablesRule, "kind">): string {
  return [program, ...args].join(" ");
}
