/**
 * The nft(8) tables that lvsdr makes on a real server: as a ruleset to load, and as the JSON in which nft lists them
 * (libnftables-json(5)), so that a table can be recognised whatever the version's text form looks like.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import type { PortRange } from "../model/config.ts";
import type { Target } from "./target.ts";

export const TABLE_NAME = "lvsdr";

/** A chain as nft lists it, its rules without counters and handles. */
export interface NftChain {
  readonly name: string;
  readonly type: string;
  readonly hook: string;
  readonly priority: number;
  readonly policy: string;
  readonly rules: readonly (readonly unknown[])[];
}

interface Rule {
  readonly text: string;
  readonly expression: readonly unknown[];
}

interface Chain {
  readonly name: string;
  readonly type: "filter" | "nat";
  readonly hook: "input" | "output" | "prerouting";
  /** Name and number of the priority, nft(8) "Standard priority names". */
  readonly priority: readonly [string, number];
  readonly rules: readonly Rule[];
}

/** A table that lvsdr makes. */
export interface Table {
  readonly family: "arp" | "inet";
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
          rule(match("arp", "operation", "request"), match("arp", "saddr ip", vip), askAs(realServerAddress)),
        ]),
      },
    ],
  };
}

/** The table that hands traffic for the VIPs' ports to whatever listens on the same port of this host. */
export function redirectTable(targets: readonly Target[]): Table {
  const rules = targets.flatMap(({ vip, bindings }) =>
    bindings.map(({ protocol, ports }) =>
      rule(match("ip", "daddr", vip), match(protocol, "dport", portsValue(ports)), REDIRECT)
    )
  );
  return {
    family: "inet",
    chains: [{ name: "prerouting", type: "nat", hook: "prerouting", priority: ["dstnat", -100], rules }],
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

/** Whether `chains`, as listed by nft, are those of `table`. */
export function isSameTable(table: Table, chains: readonly NftChain[]): boolean {
  const wanted = table.chains.map((chain) => ({
    name: chain.name,
    type: chain.type,
    hook: chain.hook,
    priority: chain.priority[1],
    policy: "accept",
    rules: chain.rules.map((rule) => rule.expression),
  }));
  return isDeepStrictEqual(wanted, chains);
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
        .map((rule) => rule.expr.filter((part) => !("counter" in part))),
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
const REDIRECT: RulePart = { text: "redirect", expression: { redirect: null } };

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

function askAs(address: string): RulePart {
  const key = { payload: { protocol: "arp", field: "saddr ip" } };
  return { text: `arp saddr ip set ${address}`, expression: { mangle: { key, value: address } } };
}

function portsValue(ports: readonly PortRange[]): { readonly text: string; readonly json: unknown } {
  const values = ports.map(({ first, last }) =>
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
