/**
 * The nft(8) tables that lvsdr makes on a real server: as a ruleset to load, and as the JSON in which nft lists them
 * (libnftables-json(5)), so that a table can be recognised whatever the version's text form looks like.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import ipaddr from "ipaddr.js";
import { type AddressFamily, familyOf } from "../model/ip_address.ts";
import type { PortRange } from "../model/config.ts";
import type { Target } from "./target.ts";

export const TABLE_NAME = "lvsdr";

/** Family of the tables that lvsdr makes. */
export type NftFamily = "arp" | "ip6" | "inet";

/** A chain as nft lists it, its rules without counters and handles. */
export interface NftChain {
  readonly name: string;
  readonly type: string;
  readonly hook: string;
  readonly priority: number;
  readonly policy: string;
  readonly rules: readonly (readonly unknown[])[];
}

/** A table as nft lists it. */
export interface ListedTable {
  /** For example `dormant`, a table whose rules are asleep; empty if it has none, as the tables that lvsdr makes. */
  readonly flags: string;
  /** Not known of a table with flags. */
  readonly chains: readonly NftChain[];
}

interface Rule {
  readonly text: string;
  readonly expression: readonly unknown[];
}

/** Name and number of a priority, nft(8) "Standard priority names". */
type Priority = readonly [string, number];

/** Family of the table of method redirect: both IP versions. */
export const REDIRECT_FAMILY = "inet";

/**
 * Of the chain of method redirect: before the place where others translate destinations, because what the first rule of
 * all such chains has taken comes to no other.
 */
export const REDIRECT_PRIORITY: Priority = ["dstnat - 1", -101];

interface Chain {
  readonly name: string;
  readonly type: "filter" | "nat";
  readonly hook: "input" | "output" | "prerouting";
  readonly priority: Priority;
  readonly rules: readonly Rule[];
}

/** A table that lvsdr makes. */
export interface Table {
  readonly family: NftFamily;
  readonly chains: readonly Chain[];
}

/**
 * The table that keeps ARP from ever naming a VIP: requests for it are not seen, replies for it are not sent, and own
 * questions name the host's own address as sender.
 */
export function arpTable(targets: readonly (Target & { readonly realServerAddress: string })[]): Table {
  return {
    family: "arp",
    chains: [
      {
        name: "input",
        type: "filter",
        hook: "input",
        priority: ["filter", 0],
        rules: targets.map(({ vip }) =>
          rule(match("arp", "operation", "request"), match("arp", "daddr ip", vip), DROP)
        ),
      },
      {
        name: "output",
        type: "filter",
        hook: "output",
        priority: ["filter", 0],
        rules: targets.flatMap(({ vip, realServerAddress }) => [
          rule(match("arp", "operation", "reply"), match("arp", "saddr ip", vip), DROP),
          rule(
            match("arp", "operation", "request"),
            match("arp", "saddr ip", vip),
            askAs("arp", "saddr ip", realServerAddress),
          ),
        ]),
      },
    ],
  };
}

/**
 * The same for IPv6: solicitations for a VIP are not seen, advertisements of it are not sent, and own questions come
 * from the host's own address if it is known.
 */
export function ndpTable(targets: readonly Target[]): Table {
  const solicit = match("icmpv6", "type", "nd-neighbor-solicit");
  const advertise = match("icmpv6", "type", "nd-neighbor-advert");
  return {
    family: "ip6",
    chains: [
      {
        name: "input",
        type: "filter",
        hook: "input",
        priority: ["filter", 0],
        rules: targets.map(({ vip }) => rule(solicit, ndTarget(vip), DROP)),
      },
      {
        name: "output",
        type: "filter",
        hook: "output",
        priority: ["filter", 0],
        rules: targets.flatMap(({ vip, realServerAddress: own }) => [
          rule(advertise, ndTarget(vip), DROP),
          ...(own === null ? [] : [rule(solicit, match("ip6", "saddr", vip), askAs("ip6", "saddr", own))]),
        ]),
      },
    ],
  };
}

/** The table that hands traffic for the VIPs' ports to whatever listens on this host, on the same or another port. */
export function redirectTable(targets: readonly Target[]): Table {
  const rules = targets.flatMap(({ vip, bindings }) =>
    bindings.map(({ protocol, ports, localPort }) =>
      rule(
        match(FAMILY_OF[familyOf(vip)], "daddr", vip),
        match(protocol, "dport", portsValue(ports)),
        redirectTo(localPort),
      )
    )
  );
  return {
    family: REDIRECT_FAMILY,
    chains: [{ name: "prerouting", type: "nat", hook: "prerouting", priority: REDIRECT_PRIORITY, rules }],
  };
}

/** The ruleset that makes the table; it fails if there is one of that name. */
export function renderTable(table: Table): string {
  const chains = table.chains.map((chain) => {
    const rules = chain.rules.map((rule) => `    ${rule.text}\n`).join("");
    const head = `type ${chain.type} hook ${chain.hook} priority ${chain.priority[0]}; policy accept;`;
    return `  chain ${chain.name} {\n    ${head}\n${rules}  }\n`;
  });
  const name = `table ${table.family} ${TABLE_NAME}`;
  return `create ${name}\n${name} {\n${chains.join("")}}\n`;
}

/** Whether a table that nft lists is `table`, and awake. */
export function isSameTable(table: Table, listed: ListedTable): boolean {
  const chains = table.chains.map((chain) => ({
    name: chain.name,
    type: chain.type,
    hook: chain.hook,
    priority: chain.priority[1],
    policy: "accept",
    rules: chain.rules.map((rule) => rule.expression),
  }));
  return isDeepStrictEqual({ flags: "", chains }, listed);
}

/** Chains in the output of `nft -j list table`. */
export function parseChains(json: string): NftChain[] {
  const { nftables } = JSON.parse(json) as { readonly nftables: readonly NftObject[] };
  const rules = nftables.flatMap((object) => object.rule === undefined ? [] : [object.rule]);
  return nftables.flatMap(({ chain }) =>
    chain === undefined ? [] : [{
      name: chain.name,
      type: chain.type ?? "none",
      hook: chain.hook ?? "none",
      priority: chain.prio ?? 0,
      policy: chain.policy ?? "none",
      rules: rules.filter((rule) => rule.chain === chain.name)
        .map((rule) => rule.expr.filter((part) => !("counter" in part)).map(withTargetByPlace)),
    }]
  );
}

interface NftObject {
  readonly chain?: {
    readonly name: string;
    readonly type?: string;
    readonly hook?: string;
    readonly prio?: number;
    readonly policy?: string;
  };
  readonly rule?: { readonly chain: string; readonly expr: readonly Record<string, unknown>[] };
}

interface RulePart {
  readonly text: string;
  readonly expression: unknown;
}

const DROP: RulePart = { text: "drop", expression: { drop: null } };
const FAMILY_OF: Readonly<Record<AddressFamily, string>> = { 4: "ip", 6: "ip6" };

/** Target address of a neighbour solicitation or advertisement, RFC 4861 §4.3: bits from the start of ICMPv6. */
const ND_TARGET = { base: "th", offset: 64, len: 128 } as const;

function rule(first: RulePart, second: RulePart, verdict: RulePart): Rule {
  return {
    text: `${first.text} ${second.text} counter ${verdict.text}`,
    expression: [first.expression, second.expression, verdict.expression],
  };
}

function match(
  protocol: string,
  field: string,
  value: string | { readonly text: string; readonly json: unknown },
): RulePart {
  const { text, json } = typeof value === "string" ? { text: value, json: value } : value;
  return {
    text: `${protocol} ${field} ${text}`,
    expression: { match: { op: "==", left: { payload: { protocol, field } }, right: json } },
  };
}

function redirectTo(localPort: number | null): RulePart {
  return localPort === null
    ? { text: "redirect", expression: { redirect: null } }
    : { text: `redirect to :${localPort}`, expression: { redirect: { port: localPort } } };
}

function askAs(protocol: string, field: string, address: string): RulePart {
  const key = { payload: { protocol, field } };
  return { text: `${protocol} ${field} set ${address}`, expression: { mangle: { key, value: address } } };
}

/** Matches the target by its place: its name, `icmpv6 taddr`, is known to nft 1.0.7 and later only. */
function ndTarget(address: string): RulePart {
  return {
    text: `@${ND_TARGET.base},${ND_TARGET.offset},${ND_TARGET.len} ${hexText(address)}`,
    expression: { match: { op: "==", left: { payload: ND_TARGET }, right: hexText(address) } },
  };
}

/** A rule part in which a target that nft lists by its name stands by its place. */
function withTargetByPlace(part: Record<string, unknown>): unknown {
  const { match } = part as { readonly match?: { readonly left?: unknown; readonly right?: unknown } };
  const isNamed = isDeepStrictEqual(match?.left, { payload: { protocol: "icmpv6", field: "taddr" } });
  return isNamed ? ndTarget(String(match!.right)).expression : part;
}

function hexText(address: string): string {
  const bytes = ipaddr.IPv6.parse(address).toByteArray();
  // Without zeroes in front, as nft lists numbers.
  return "0x" + bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("").replace(/^0+/, "");
}

function portsValue(ports: readonly PortRange[]): { readonly text: string; readonly json: unknown } {
  const values = joinedRanges(ports).map(({ first, last }) =>
    first === last
      ? { text: `${first}`, json: first as unknown }
      : { text: `${first}-${last}`, json: { range: [first, last] } }
  );
  if (values.length === 1) return values[0]!;
  return {
    text: `{ ${values.map(({ text }) => text).join(", ")} }`,
    json: { set: values.map(({ json }) => json) },
  };
}

/** The same ports in as few ranges as possible, in order: as nft lists them, who joins those that touch by itself. */
function joinedRanges(ports: readonly PortRange[]): PortRange[] {
  const joined: PortRange[] = [];
  for (const range of ports.toSorted((one, other) => one.first - other.first)) {
    const before = joined.at(-1);
    if (before === undefined || range.first > before.last + 1) joined.push(range);
    else joined.splice(-1, 1, { first: before.first, last: Math.max(before.last, range.last) });
  }
  return joined;
}
