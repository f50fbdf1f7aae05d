/**
 * That no rule of somebody else's has a VIP's packets before the table of the redirect method does.
 *
 * @module
 */

import { formatRange } from "../../config/port_list.ts";
import { shellCommand } from "../../host/command.ts";
import { shareOf, type Traffic } from "../../host/translations.ts";
import type { HostState } from "../host_state.ts";
import { REDIRECT_FAMILY, TABLE_NAME } from "../nft_rules.ts";
import type { Requirement } from "../requirement.ts";
import type { Target } from "../target.ts";

/** None of the rules that come earlier is known to take packets for a port of a VIP. */
export function earlierRulesRequirement(state: HostState, targets: readonly Target[]): Requirement {
  const taking = state.earlierTranslations.flatMap((rule) => {
    const taken = targets.flatMap(trafficOf).find((traffic) =>
      ["all", "of some clients"].includes(shareOf(rule, traffic))
    );
    return taken === undefined ? [] : [{ rule, taken }];
  });
  // Packets may come to one rule by several chains.
  const rules = new Map(taking.map(({ rule }) => [`${rule.table} ${rule.handle}`, rule]));
  const removals = [...rules.values()].map(({ table, chain, handle }) => {
    const [family = "", name = ""] = table.split(" ");
    return ["nft", "delete", "rule", family, name, chain, "handle", `${handle}`];
  });
  const wanted = "none that takes what is for a VIP";
  return {
    fact: `nft rules before table ${REDIRECT_FAMILY} ${TABLE_NAME}`,
    found: [
      ...new Set(
        taking.map(({ rule: { table, chain, text }, taken: { address, protocol, ports } }) =>
          `${table} ${chain}: ${text}, which takes ${address} ${protocol} port ${formatRange(ports)}`
        ),
      ),
    ].join("; ") || wanted,
    wanted,
    holds: taking.length === 0,
    why: "a connection goes where the first rule that takes it sends it",
    steps: [],
    remedy: removals.map(shellCommand).join("\n") || null,
    restorations: removals.map((words) => ({
      sentence: `remove the rule: ${shellCommand(words)}`,
      words,
      // Whoever made it may need it more than the VIP's clients.
      isByHand: true,
    })),
  };
}

function trafficOf({ vip, device, bindings }: Target): Traffic[] {
  return bindings.flatMap(({ protocol, ports }) =>
    ports.map((range) => ({ protocol, address: vip, ports: range, device, isOwn: false }))
  );
}
