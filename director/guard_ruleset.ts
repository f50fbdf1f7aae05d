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

/**
 * The ruleset that drops what is for a VIP, in whatever VLAN: when this hook sees a frame, its tag has become a
 * property of the packet.
 */
export function guardRuleset(device: string, vips: readonly string[]): string {
  const table = `${GUARD_FAMILY} ${guardTableName(device)}`;
  const ipv4 = vips.filter((vip) => familyOf(vip) === 4);
  const ipv6 = vips.filter((vip) => familyOf(vip) === 6);
  return [
    `create table ${table}`,
    ...(ipv4.length === 0 ? [] : [vipSet(table, "vips", "ipv4_addr", ipv4)]),
    ...(ipv6.length === 0 ? [] : [vipSet(table, "vips6", "ipv6_addr", ipv6)]),
    `add chain ${table} ingress { type filter hook ingress device "${device}" priority ${PRIORITY}; policy accept; }`,
    ...[...(ipv4.length === 0 ? [] : IPV4_MATCHES), ...(ipv6.length === 0 ? [] : ipv6Matches(ipv6))]
      .map((match) => `add rule ${table} ingress ${match} counter drop`),
    "",
  ].join("\n");
}

const IPV4_MATCHES = ["ip daddr @vips", "arp operation request arp daddr ip @vips"];

function ipv6Matches(vips: readonly string[]): string[] {
  const numbers = vips.map((vip) =>
    `0x${addressWords(vip).map((word) => word.toString(16).padStart(8, "0")).join("")}`
  );
  // The target of a solicitation is behind 64 bits of ICMPv6 header (RFC 4861 §4.3); nft has a name for it only since
  // 1.0.8, and compares what has no name with numbers alone.
  return [
    "ip6 daddr @vips6",
    `icmpv6 type nd-neighbor-solicit @th,64,128 { ${numbers.join(", ")} }`,
  ];
}

function vipSet(table: string, name: string, type: string, vips: readonly string[]): string {
  return `add set ${table} ${name} { type ${type}; elements = { ${vips.join(", ")} }; }`;
}
