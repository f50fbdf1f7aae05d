/**
 * Rules of nft(8) that give arriving packets another destination.
 *
 * They are read from its text: of a table with flags, and of rules that iptables(8) has made, its JSON says less.
 *
 * @module
 */

import {
  type Condition,
  type ConditionField,
  OTHER_CONDITION,
  type Passage,
  type Translation,
} from "./translations.ts";

/** Arguments that make nft list what {@linkcode parseNftTranslations} reads. */
export const LIST_RULESET = ["--stateless", "--numeric-priority", "--handle", "list", "ruleset"] as const;

/** A rule of nft, and where it is. */
export interface NftTranslation extends Translation {
  /** Family and name of its table, for example `ip nat`. */
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly text: string;
  /** Of the chain by which packets come to it: lower numbers come first. */
  readonly priority: number;
}

interface Rule {
  readonly text: string;
  readonly handle: number;
}

interface Chain {
  readonly name: string;
  /** `null` if packets come to it from other chains only. */
  priority: number | null;
  readonly rules: Rule[];
}

interface Table {
  readonly name: string;
  isAsleep: boolean;
  readonly chains: Map<string, Chain>;
  /** Elements of named sets and maps. */
  readonly sets: Map<string, string>;
}

const FAMILY_CONDITIONS: Readonly<Record<string, readonly Condition[]>> = {
  ip: [isOne("family", ["ipv4"])],
  ip6: [isOne("family", ["ipv6"])],
  inet: [],
};

/** A value that a field is compared with, or several of them. */
const VALUE = String.raw`(!= )?(\{[^}]*\}|"[^"]*"|[^\s"{]+)(?: |$)`;

/** What nft calls the fields that conditions are about, and how they are written. */
const FIELDS = ([
  ["meta nfproto", "family"],
  ["meta l4proto|ip protocol|ip6 nexthdr", "protocol"],
  ["(?:tcp|udp|th) dport", "port"],
  ["ip6? daddr", "destination"],
  ["ip6? saddr", "source"],
  ["(?:meta )?iif(?:name)?", "device"],
  ["fib daddr type", "destination type"],
  ["ct state", "connection state"],
] as const).map(([name, field]) => [new RegExp(`^(?:${name}) ${VALUE}`), field] as const);

/** What a rule does to every packet that comes to it, to go on with the next statement. */
const BY_THE_WAY =
  /^(counter( packets \d+ bytes \d+)?|log( (level|group|flags) \S+)*|(meta|ct) mark set \S+)( |$)/;
const TRANSLATES = /(^| )(dnat|redirect|xt target "(DNAT|REDIRECT)")( |$)/;
/** A verdict, alone or as the value of a map. */
const ENDS = /(^| )(accept|drop)( |,|$)/;
/** The same of what ends the way through one chain. */
const LEAVES = /(^| )(return( |,|$)|goto )/;
const LEADS = /\b(?:jump|goto) ([^\s,}]+)/g;

/** Rules from the output of nft with {@linkcode LIST_RULESET}, in the order in which they are listed. */
export function parseNftTranslations(listing: string): NftTranslation[] {
  return parseTables(listing).filter(({ isAsleep }) => !isAsleep).flatMap((table) => {
    const family = FAMILY_CONDITIONS[table.name.split(" ")[0]!];
    if (family === undefined) return [];
    return [...table.chains.values()].flatMap((chain) =>
      chain.priority === null ? [] : translationsIn(table, chain, chain.priority, {
        conditions: family,
        path: [],
        exemptions: [],
        ends: [],
      })
    );
  });
}

function translationsIn(
  table: Table,
  chain: Chain,
  priority: number,
  { conditions, path, exemptions, ends }: Passage,
): NftTranslation[] {
  if (path.includes(chain.name)) return [];
  const left = [...exemptions];
  return chain.rules.flatMap(({ text, handle }): NftTranslation[] => {
    const rule = withElements(withoutComments(text), table.sets);
    const translates = TRANSLATES.test(rule);
    const leads = [...rule.matchAll(LEADS)].map(([, name]) => name!);
    // A map has an answer for some packets only.
    const met = [...conditions, ...conditionsOf(rule), ...(/ map /.test(rule) ? [OTHER_CONDITION] : [])];
    if (translates) {
      const before = [...left, ...ends];
      return [{
        ...{ table: table.name, chain: chain.name, handle, text, priority },
        ...{ conditions: met, exemptions: before },
      }];
    }
    const found = leads.flatMap((name) => {
      const next = table.chains.get(name);
      const passage = { conditions: met, path: [...path, chain.name], exemptions: [...left], ends };
      return next === undefined ? [] : translationsIn(table, next, priority, passage);
    });
    if (LEAVES.test(rule)) left.push(met);
    if (ENDS.test(rule)) ends.push(met);
    return found;
  });
}

/** The conditions before the statement that translates, leads to another chain, or is a verdict. */
function conditionsOf(rule: string): Condition[] {
  // Several fields taken together are compared with values that are several as well.
  if (/ \. /.test(rule)) return [OTHER_CONDITION];
  const conditions: Condition[] = [];
  let rest = rule;
  while (rest !== "" && !/^(dnat|redirect|jump|goto|accept|drop|return|xt target)\b/.test(rest)) {
    const [statement] = BY_THE_WAY.exec(rest) ?? [];
    const known = statement === undefined ? knownConditions(rest) : null;
    const [other] = /^(\{[^}]*\}|"[^"]*"|\S+) ?/.exec(rest)!;
    if (statement === undefined) conditions.push(...known?.conditions ?? [OTHER_CONDITION]);
    rest = rest.slice((statement ?? known?.text ?? other).length);
  }
  return conditions;
}

/** The conditions that a text begins with, and how they are written; `null` if they are not known. */
function knownConditions(rest: string): { readonly text: string; readonly conditions: Condition[] } | null {
  for (const [pattern, field] of FIELDS) {
    const [text, not, value] = pattern.exec(rest) ?? [];
    if (text === undefined || value === undefined || value === "vmap") continue;
    const condition = { field, values: valuesOf(value), isNot: not !== undefined };
    const [protocol] = field === "port" ? /^(tcp|udp)/.exec(rest) ?? [] : [];
    return {
      text,
      conditions: protocol === undefined ? [condition] : [isOne("protocol", [protocol]), condition],
    };
  }
  return null;
}

/** `80`, `"eth0"` and `{ 80, 443 timeout 5m }`. */
function valuesOf(text: string): string[] {
  return text.replace(/^\{|\}$/g, "").split(",").map((value) =>
    value.trim().split(" ")[0]!.replaceAll('"', "")
  );
}

function isOne(field: ConditionField, values: readonly string[]): Condition {
  return { field, values, isNot: false };
}

function withoutComments(rule: string): string {
  return rule.replaceAll(/\b(comment|prefix) "[^"]*"/g, "").replaceAll(/\s+/g, " ").trim();
}

/** A rule with the elements of the sets and maps that it names. */
function withElements(rule: string, sets: ReadonlyMap<string, string>): string {
  return rule.replaceAll(/@(\S+)/g, (reference, name) => sets.get(name) ?? reference);
}

function parseTables(listing: string): Table[] {
  const tables: Table[] = [];
  let chain: Chain | null = null;
  let set = "";
  // Elements of a set may take several lines.
  for (const line of listing.replaceAll(/,\n\s+/g, ", ").split("\n")) {
    const table = tables.at(-1);
    const [, name] = /^table (\w+ \S+) \{/.exec(line) ?? [];
    if (name !== undefined) tables.push({ name, isAsleep: false, chains: new Map(), sets: new Map() });
    if (table === undefined) continue;
    const [, kind, part] = /^\t(chain|set|map) (\S+) \{/.exec(line) ?? [];
    if (kind === "chain") table.chains.set(part!, chain = { name: part!, priority: null, rules: [] });
    else if (part !== undefined) set = part;
    if (/^\tflags .*\bdormant\b/.test(line)) table.isAsleep = true;
    const [, elements] = /^\t\telements = (\{.*\})/.exec(line) ?? [];
    if (elements !== undefined) table.sets.set(set, elements);
    const [, priority] = /^\t\ttype nat hook prerouting priority (-?\d+);/.exec(line) ?? [];
    if (chain !== null && priority !== undefined) chain.priority = Number(priority);
    const [, text, handle] = /^\t\t(.*) # handle (\d+)$/.exec(line) ?? [];
    if (text !== undefined) chain?.rules.push({ text, handle: Number(handle) });
  }
  return tables;
}
