/**
 * What a plan needs to know of the host, read and nothing changed.
 *
 * @module
 */

import { isInstalled, requireCommand } from "../host/command.ts";
import type { Link } from "../host/links.ts";
import { hasArptablesRule, hasNftTable } from "../host/step.ts";
import { isSysctlWritable, readSysctls, type SysctlKey } from "../host/sysctl.ts";
import { arptablesRules, ruleText } from "./arptables_rules.ts";
import { type NftChain, parseChains, TABLE_NAME } from "./nft_rules.ts";
import type { Target } from "./target.ts";

/** The kernel variables that decide what is said by ARP. */
export const ARP_SYSCTLS = ["arp_ignore", "arp_announce"] as const;

/** Family of the tables that lvsdr makes. */
export type NftFamily = "arp" | "inet";

export interface HostState {
  readonly links: readonly Link[];
  /** {@linkcode ARP_SYSCTLS} of `all` and every interface. */
  readonly sysctls: ReadonlyMap<SysctlKey, string>;
  readonly areSysctlsWritable: boolean;
  /** Programs that are installed. */
  readonly programs: ReadonlySet<"nft" | "arptables">;
  /** Tables named lvsdr. */
  readonly nftTables: ReadonlyMap<NftFamily, readonly NftChain[]>;
  /** Rules of the arptables method that exist, by {@linkcode ruleText}. */
  readonly arptablesRules: ReadonlySet<string>;
  readonly hasArptablesTable: boolean;
}

/** Path of an ARP variable of an interface or of `all`. */
export function arpSysctl(device: string, name: typeof ARP_SYSCTLS[number]): SysctlKey {
  return `net/ipv4/conf/${device}/${name}`;
}

/**
 * Reads the state of the host.
 *
 * @param canAdminister Whether the process may read packet filter rules; without the privilege they are taken as
 * absent.
 */
export async function observeHost(
  links: readonly Link[],
  targets: readonly Target[],
  canAdminister: boolean,
): Promise<HostState> {
  const programs = new Set((["nft", "arptables"] as const).filter(isInstalled));
  const devices = ["all", ...links.map((link) => link.name)];
  const readsNft = canAdminister && programs.has("nft");
  const readsArptables = canAdminister && programs.has("arptables");
  return {
    links,
    sysctls: await readSysctls(
      devices.flatMap((device) => ARP_SYSCTLS.map((name) => arpSysctl(device, name))),
    ),
    // Without the privilege nothing is writable, which says nothing about this host.
    areSysctlsWritable: !canAdminister || await isSysctlWritable(arpSysctl("all", "arp_ignore")),
    programs,
    nftTables: readsNft ? await readNftTables() : new Map(),
    arptablesRules: readsArptables ? await readArptablesRules(targets) : new Set(),
    hasArptablesTable: !readsNft || await hasNftTable("arp", "filter"),
  };
}

async function readNftTables(): Promise<Map<NftFamily, NftChain[]>> {
  const tables = new Map<NftFamily, NftChain[]>();
  for (const family of ["arp", "inet"] as const) {
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
