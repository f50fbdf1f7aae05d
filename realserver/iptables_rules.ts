/**
 * The rules of iptables(8) and ip6tables(8) that hand a VIP's traffic to the host itself, for hosts without nft.
 *
 * @module
 */

import { familyOf } from "../model/ip_address.ts";
import type { IptablesRule } from "../host/step.ts";
import type { Target } from "./target.ts";

/** A rule and what it is for. */
export interface RedirectRule extends Omit<IptablesRule, "kind"> {
  /** VIP, protocol and ports, for example `192.0.2.10 tcp port 80`; every rule has another. */
  readonly traffic: string;
}

/** The rules that `targets` need, one for each range of ports. */
export function iptablesRules(targets: readonly Target[]): RedirectRule[] {
  return targets.flatMap(({ vip, bindings }) =>
    bindings.flatMap(({ protocol, ports, localPort }) =>
      ports.map(({ first, last }): RedirectRule => {
        const port = first === last ? `${first}` : `${first}:${last}`;
        return {
          traffic: `${vip} ${protocol} port ${port}`,
          program: familyOf(vip) === 6 ? "ip6tables" : "iptables",
          args: [
            ...["-d", vip, "-p", protocol, "--dport", port],
            ...["-j", "REDIRECT"],
            ...(localPort === null ? [] : ["--to-ports", `${localPort}`]),
          ],
        };
      })
    )
  );
}

/** A rule as one text; equal texts are the same rule. */
export function iptablesRuleText({ program, args }: Omit<IptablesRule, "kind">): string {
  return [program, ...args].join(" ");
}
