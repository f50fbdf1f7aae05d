/**
 * What a plan needs to know of the host, read and nothing changed.
 *
 * @module
 */

import { isInstalled, requireCommand } from "../host/command.ts";
import { type Link, readDefaultRouteDevice } from "../host/links.ts";
import { hasArptablesRule, hasIptablesRule, hasNftTable, readLocalRoutes } from "../host/step.ts";
import { isSysctlWritable, readSysctls, type SysctlKey } from "../host/sysctl.ts";
import type { Method } from "../model/config.ts";
import { arptablesRules, ruleText } from "./arptables_rules.ts";
import { iptablesRules, iptablesRuleText } from "./iptables_rules.ts";
import { type NftChain, type NftFamily, parseChains, TABLE_NAME } from "./nft_rules.ts";
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
  readonly nftTables: ReadonlyMap<NftFamily, readonly NftChain[]>;
  /** Rules of the arptables method that exist, by {@linkcode ruleText}. */
  readonly arptablesRules: ReadonlySet<string>;
  /** Whether nft lists a table of arptables. */
  readonly hasArptablesTable: boolean;
  /** Rules of the redirect method that exist in iptables, by {@linkcode iptablesRuleText}. */
  readonly iptablesRules: ReadonlySet<string>;
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
    arptablesRules: reads("arptables", "arptables") ? await readArptablesRules(targets) : new Set(),
    hasArptablesTable: reads("nft", "arptables") ? await hasNftTable("arp", "filter") : true,
    iptablesRules: reads("iptables", "redirect") && !programs.has("nft")
      ? await readIptablesRules(targets)
      : new Set(),
    localRoutes: isWanted("route") ? await readLocalRoutes() : new Set(),
  };
}

async function readNftTables(): Promise<Map<NftFamily, NftChain[]>> {
  const tables = new Map<NftFamily, NftChain[]>();
  for (const family of ["arp", "ip6", "inet"] as const) {
    if (!await hasNftTable(family, TABLE_NAME)) continue;
    tables.set(family, parseChains(await requireCommand("nft", ["-j", "list", "table", family, TABLE_NAME])));
  }
  return tables;
}

async function readArptablesRules(targets: readonly Target[]): Promise<Set<string>> {
  const present = new Set<string>();
  for (const rule of arptablesRules(targets)) {
    if (await hasArptablesRule(rule.chain, rule.args)) present.add(ruleText(rule));
  }
  return present;
}

async function readIptablesRules(targets: readonly Target[]): Promise<Set<string>> {
  const present = new Set<string>();
  for (const rule of iptablesRules(targets)) {
    if (await hasIptablesRule(rule)) present.add(iptablesRuleText(rule));
  }
  return present;
}
