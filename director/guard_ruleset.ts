/**
 * The rules that keep VIP traffic away from the director's own kernel, in the language of nft(8).
 *
 * @module
 */

import { addressWords, familyOf } from "../model/ip_address.ts";

export const GUARD_FAMILY = "netdev";
/** Before every other chain of the hook (nft(8), "Priority"). */
const PRIORITY = -500;

/** Name of the table: a host may have several directors, each on an interface of its own. */
export function guardTableName(device: string): string {
  return `lvsdr_director_${device.replaceAll(/[^A-Za-z0-9_]/g, "_")}`;
}

/** What is dropped at the ingress of one interface. */
export interface GuardChain {
  readonly device: string;
  /** Of both families. */
  readonly addresses: readonly string[];
}

/**
 * The ruleset that drops what is for these addresses, in whatever VLAN: when this hook sees a frame, its tag has become
 * a property of the packet.
 *
 * @param device Interface of the VIPs, after which the table is named.
 */
export function guardRuleset(device: string, chains: readonly GuardChain[]): string {
  const table = `${GUARD_FAMILY} ${guardTableName(device)}`;
  return [
    `create table ${table}`,
    // The first has the plain names, as it is the only one on most hosts.
    ...chains.flatMap((chain, index) => chainLines(table, chain, index === 0 ? "" : `_${index}`)),
    "",
  ].join("\n");
}

function chainLines(table: string, { device, addresses }: GuardChain, suffix: string): string[] {
  const ipv4 = addresses.filter((address) => familyOf(address) === 4);
  const ipv6 = addresses.filter((address) => familyOf(address) === 6);
  const [chain, set, set6] = [`ingress${suffix}`, `vips${suffix}`, `vips6${suffix}`];
  return [
    ...(ipv4.length === 0 ? [] : [vipSet(table, set, "ipv4_addr", ipv4)]),
    ...(ipv6.length === 0 ? [] : [vipSet(table, set6, "ipv6_addr", ipv6)]),
    `add chain ${table} ${chain} { type filter hook ingress device "${device}" priority ${PRIORITY}; policy accept; }`,
    ...[...(ipv4.length === 0 ? [] : ipv4Matches(set)), ...(ipv6.length === 0 ? [] : ipv6Matches(set6, ipv6))]
      .map((match) => `add rule ${table} ${chain} ${match} counter drop`),
  ];
}

function ipv4Matches(set: string): string[] {
  return [`ip daddr @${set}`, `arp operation request arp daddr ip @${set}`];
}

function ipv6Matches(set: string, vips: readonly string[]): string[] {
  const numbers = vips.map((vip) =>
    `0x${addressWords(vip).map((word) => word.toString(16).padStart(8, "0")).join("")}`
  );
  // The target of a solicitation is behind 64 bits of ICMPv6 header (RFC 4861 §4.3); nft has a name for it only since
  // 1.0.8, and compares what has no name with numbers alone.
  return [
    `ip6 daddr @${set}`,
    `icmpv6 type nd-neighbor-solicit @th,64,128 { ${numbers.join(", ")} }`,
  ];
}

function vipSet(table: string, name: string, type: string, vips: readonly string[]): string {
  return `add set ${table} ${name} { type ${type}; elements = { ${vips.join(", ")} }; }`;
}
