/**
 * Rules of iptables(8) that give arriving packets another destination.
 *
 * @module
 */

import type { AddressFamily } from "../model/ip_address.ts";
import { type Condition, type ConditionField, OTHER_CONDITION, type Translation } from "./translations.ts";

interface Rule {
  readonly chain: string;
  readonly conditions: readonly Condition[];
  /** Name of a chain, or what becomes of the packets. */
  readonly target: string;
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
  return translationsIn(Map.groupBy(rules, ({ chain }) => chain), "PREROUTING", [arrived], []);
}

function translationsIn(
  chains: ReadonlyMap<string, readonly Rule[]>,
  chain: string,
  conditions: readonly Condition[],
  path: readonly string[],
): Translation[] {
  if (path.includes(chain)) return [];
  return (chains.get(chain) ?? []).flatMap((rule): Translation[] => {
    const met = [...conditions, ...rule.conditions];
    return ["DNAT", "REDIRECT"].includes(rule.target)
      ? [{ conditions: met }]
      : translationsIn(chains, rule.target, met, [...path, chain]);
  });
}

function parseRule(line: string): Rule {
  const [, chain = "", ...words] = [...line.matchAll(/"(?:\\.|[^"\\])*"|\S+/g)].map(([word]) => word);
  const conditions: Condition[] = [];
  let isNot = false;
  while (words.length > 0) {
    const option = words.shift()!;
    // What follows is the target's own.
    if (option === "-j" || option === "-g") return { chain, conditions, target: words[0] ?? "" };
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
  return { chain, conditions, target: "" };
}
