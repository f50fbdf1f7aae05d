/**
 * Rules of iptables(8) that give arriving packets another destination.
 *
 * @module
 */

import type { AddressFamily } from "../model/ip_address.ts";
import {
  type Condition,
  type ConditionField,
  OTHER_CONDITION,
  type Passage,
  type Translation,
} from "./translations.ts";

interface Rule {
  readonly chain: string;
  readonly conditions: readonly Condition[];
  /** Name of a chain, or what becomes of the packets. */
  readonly target: string;
  /** Whether packets do not come back from that chain to this one. */
  readonly isGoto: boolean;
}

const FIELDS: Readonly<Record<string, ConditionField>> = {
  "-p": "protocol",
  "-d": "destination",
  "-s": "source",
  "-i": "device",
  "--dport": "port",
  "--dports": "port",
  "--dst-type": "destination type",
  "--ctstate": "connection state",
  "--state": "connection state",
};

/** Extensions that say nothing of packets but by their options. */
const EXTENSIONS: ReadonlySet<string> = new Set(
  ["tcp", "udp", "multiport", "addrtype", "conntrack", "state", "comment"],
);

/** Rules from the output of `iptables-save -t nat`, or of ip6tables(8). */
export function parseIptablesTranslations(family: AddressFamily, listing: string): Translation[] {
  const rules = listing.split("\n").filter((line) => line.startsWith("-A ")).map(parseRule);
  const arrived = { field: "family", values: [`ipv${family}`], isNot: false } as const;
  const passage = { conditions: [arrived], path: [], exemptions: [], ends: [] };
  return translationsIn(Map.groupBy(rules, ({ chain }) => chain), "PREROUTING", passage);
}

function translationsIn(
  chains: ReadonlyMap<string, readonly Rule[]>,
  chain: string,
  { conditions, path, exemptions, ends }: Passage,
): Translation[] {
  if (path.includes(chain)) return [];
  const left = [...exemptions];
  return (chains.get(chain) ?? []).flatMap((rule): Translation[] => {
    const met = [...conditions, ...rule.conditions];
    if (["DNAT", "REDIRECT"].includes(rule.target)) {
      return [{ conditions: met, exemptions: [...left, ...ends] }];
    }
    const passage = { conditions: met, path: [...path, chain], exemptions: [...left], ends };
    const found = translationsIn(chains, rule.target, passage);
    if (rule.target === "RETURN" || rule.isGoto) left.push(met);
    if (rule.target === "ACCEPT") ends.push(met);
    return found;
  });
}

function parseRule(line: string): Rule {
  const [, chain = "", ...words] = [...line.matchAll(/"(?:\\.|[^"\\])*"|\S+/g)].map(([word]) => word);
  const conditions: Condition[] = [];
  let isNot = false;
  while (words.length > 0) {
    const option = words.shift()!;
    // What follows is the target's own.
    if (option === "-j" || option === "-g") {
      return { chain, conditions, target: words[0] ?? "", isGoto: option === "-g" };
    }
    if (option === "!") {
      isNot = true;
      continue;
    }
    const values: string[] = [];
    while (words.length > 0 && !/^(-|!)/.test(words[0]!)) values.push(...words.shift()!.split(","));
    const field = FIELDS[option];
    if (field !== undefined) conditions.push({ field, values, isNot });
    else if (option !== "--comment" && !(option === "-m" && EXTENSIONS.has(values[0]!))) {
      conditions.push(OTHER_CONDITION);
    }
    isNot = false;
  }
  return { chain, conditions, target: "", isGoto: false };
}
