/**
 * What a plan needs to know of the host, read and nothing changed.
 *
 * @module
 */

import { isInstalled, requireCommand } from "../host/command.ts";
import { listArptablesRules, listNatRules, placesOf, type RulePlace } from "../host/filter_rules.ts";
import { type Link, readDefaultRouteDevice } from "../host/links.ts";
import { hasNftTable, readNftTableFlags } from "../host/nft_tables.ts";
import { LIST_RULESET, type NftTranslation, parseNftTranslations } from "../host/nft_translations.ts";
import { readLocalRoutes } from "../host/step.ts";
import { isSysctlWritable, readSysctls, type SysctlKey } from "../host/sysctl.ts";
import type { Method } from "../model/config.ts";
import { arptablesRules, ruleText } from "./arptables_rules.ts";
import { iptablesRules, iptablesRuleText } from "./iptables_rules.ts";
import {
  type ListedTable,
  type NftFamily,
  parseChains,
  REDIRECT_FAMILY,
  REDIRECT_PRIORITY,
  TABLE_NAME,
} from "./nft_rules.ts";
import type { Target } from "./target.ts";

/** The kernel variables that decide what is said by ARP, and which packets come in. */
const DEVICE_SYSCTLS = ["arp_ignore", "arp_announce", "rp_filter"] as const;

/** Whether the loopback interface refuses IPv6. */
export const DISABLE_IPV6: SysctlKey = "net/ipv6/conf/lo/disable_ipv6";

/** Programs that a method may need. */
const FILTER_PROGRAMS = ["nft", "arptables", "iptables", "ip6tables"] as const;
export type FilterProgram = typeof FILTER_PROGRAMS[number];

export interface HostState {
  readonly links: readonly Link[];
  /** Interface of the IPv4 default route, or `null`. */
  readonly defaultRouteDevice: string | null;
  /** `arp_ignore`, `arp_announce` and `rp_filter` of `all` and every interface, and {@linkcode DISABLE_IPV6}. */
  readonly sysctls: ReadonlyMap<SysctlKey, string>;
  readonly areSysctlsWritable: boolean;
  /** Programs that are installed. */
  readonly programs: ReadonlySet<FilterProgram>;
  /** Tables named lvsdr. */
  readonly nftTables: ReadonlyMap<NftFamily, ListedTable>;
  /** Rules of others that translate destinations, and have packets before the table of the redirect method has them. */
  readonly earlierTranslations: readonly NftTranslation[];
  /** Rules of the arptables method that exist, by {@linkcode ruleText}. */
  readonly arptablesRules: ReadonlyMap<string, RulePlace>;
  /** Whether nft lists a table of arptables. */
  readonly hasArptablesTable: boolean;
  /** Flags of that table, for example `dormant`; empty if it has none. */
  readonly arptablesTableFlags: string;
  /** Rules of the redirect method that exist in iptables, by {@linkcode iptablesRuleText}. */
  readonly iptablesRules: ReadonlyMap<string, RulePlace>;
  /** Addresses that a route of type local leads to, which no interface has. */
  readonly localRoutes: ReadonlySet<string>;
}

/** What to look at. */
export interface Scope {
  readonly targets: readonly Target[];
  /** Only what this method needs is read; `null` means what any may need. */
  readonly method: Method | null;
  /**
   * Whether the process may read packet filter rules; without the privilege they are taken as absent.
   */
  readonly canAdminister: boolean;
}

/** Path of a variable of an interface or of `all`. */
export function deviceSysctl(device: string, name: typeof DEVICE_SYSCTLS[number]): SysctlKey {
  return `net/ipv4/conf/${device}/${name}`;
}

/** Reads the state of the host. */
export async function observeHost(links: readonly Link[], scope: Scope): Promise<HostState> {
  const { targets, method, canAdminister } = scope;
  const programs = new Set(FILTER_PROGRAMS.filter(isInstalled));
  const devices = ["all", ...links.map((link) => link.name)];
  const isWanted = (...methods: Method[]) => method === null || methods.includes(method);
  const reads = (program: FilterProgram, ...methods: Method[]) =>
    canAdminister && programs.has(program) && isWanted(...methods);
  return {
    links,
    defaultRouteDevice: await readDefaultRouteDevice(4),
    sysctls: await readSysctls([
      ...devices.flatMap((device) => DEVICE_SYSCTLS.map((name) => deviceSysctl(device, name))),
      DISABLE_IPV6,
    ]),
    // Without the privilege nothing is writable, which says nothing about this host.
    areSysctlsWritable: !canAdminister || await isSysctlWritable(deviceSysctl("all", "arp_ignore")),
    programs,
    nftTables: reads("nft", "nft", "redirect") ? await readNftTables() : new Map(),
    earlierTranslations: reads("nft", "redirect") ? await readEarlierTranslations() : [],
    arptablesRules: reads("arptables", "arptables") ? await readArptablesRules(targets) : new Map(),
    ...(reads("nft", "arptables")
      ? await readArptablesTable()
      : { hasArptablesTable: true, arptablesTableFlags: "" }),
    iptablesRules: reads("iptables", "redirect") && !programs.has("nft")
      ? await readIptablesRules(targets, programs)
      : new Map(),
    localRoutes: isWanted("route") ? await readLocalRoutes() : new Set(),
  };
}

async function readNftTables(): Promise<Map<NftFamily, ListedTable>> {
  const tables = new Map<NftFamily, ListedTable>();
  for (const family of ["arp", "ip6", "inet"] as const) {
    if (!await hasNftTable(family, TABLE_NAME)) continue;
    const flags = await readNftTableFlags(family, TABLE_NAME);
    // With flags it is none of ours, and its JSON cannot be relied on.
    const json = flags === ""
      ? await requireCommand("nft", ["-j", "list", "table", family, TABLE_NAME])
      : null;
    tables.set(family, { flags, chains: json === null ? [] : parseChains(json) });
  }
  return tables;
}

async function readEarlierTranslations(): Promise<NftTranslation[]> {
  const translations = parseNftTranslations(await requireCommand("nft", LIST_RULESET));
  const [, ours] = REDIRECT_PRIORITY;
  // Of chains of one priority the one that was made last comes first, which nft does not list.
  return translations.filter(({ table, priority }) =>
    priority <= ours && table !== `${REDIRECT_FAMILY} ${TABLE_NAME}`
  );
}

async function readArptablesTable(): Promise<Pick<HostState, "hasArptablesTable" | "arptablesTableFlags">> {
  const hasArptablesTable = await hasNftTable("arp", "filter");
  return {
    hasArptablesTable,
    arptablesTableFlags: hasArptablesTable ? await readNftTableFlags("arp", "filter") : "",
  };
}

async function readArptablesRules(targets: readonly Target[]): Promise<Map<string, RulePlace>> {
  const chains = await listArptablesRules();
  const rules = arptablesRules(targets);
  const present = new Map<string, RulePlace>();
  for (const chain of ["INPUT", "OUTPUT"] as const) {
    const ours = rules.filter((rule) => rule.chain === chain);
    const places = placesOf(ours.map(({ args }) => args), chains.get(chain) ?? []);
    ours.forEach((rule, i) => note(present, ruleText(rule), places[i]));
  }
  return present;
}

/** @param programs Those that are installed: one that is not has no rules. */
async function readIptablesRules(
  targets: readonly Target[],
  programs: ReadonlySet<FilterProgram>,
): Promise<Map<string, RulePlace>> {
  const rules = iptablesRules(targets).filter(({ program }) => programs.has(program));
  const present = new Map<string, RulePlace>();
  for (const program of new Set(rules.map((rule) => rule.program))) {
    const ours = rules.filter((rule) => rule.program === program);
    const places = placesOf(ours.map(({ args }) => args), await listNatRules(program));
    ours.forEach((rule, i) => note(present, iptablesRuleText(rule), places[i]));
  }
  return present;
}

function note(places: Map<string, RulePlace>, rule: string, place: RulePlace | null | undefined): void {
  if (place) places.set(rule, place);
}
