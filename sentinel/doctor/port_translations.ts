/**
 * Ports of this host that packet filter rules lead elsewhere, as container runtimes do: nobody has to listen on them here.
 *
 * @module
 */

import { isInstalled, runCommand } from "../../host/command.ts";
import type { PortRange, Protocol } from "../../model/config.ts";
import { addressBits, type AddressFamily, familyOf, isInPrefix } from "../../model/ip_address.ts";

/** A rule that gives packets another destination. */
export interface PortTranslation {
  readonly families: readonly AddressFamily[];
  readonly protocol: Protocol;
  readonly ports: readonly PortRange[];
  /** The only destination it is for, an address or a prefix; `null` if it is not confined to one. */
  readonly destination: string | null;
}

/** Families of the rules in a table (nft(8)). */
const FAMILIES: Readonly<Record<string, readonly AddressFamily[]>> = { ip: [4], ip6: [6], inet: [4, 6] };

const LEGACY = [
  { family: 4, tables: "/proc/net/ip_tables_names", programs: ["iptables-legacy-save", "iptables-save"] },
  { family: 6, tables: "/proc/net/ip6_tables_names", programs: ["ip6tables-legacy-save", "ip6tables-save"] },
] as const;

/** Reads the rules of nft(8), those of its iptables(8) among them, and those that only the older iptables(8) lists. */
export async function readPortTranslations(): Promise<PortTranslation[]> {
  const found = isInstalled("nft")
    ? parseNftTranslations((await runCommand("nft", ["list", "ruleset"])).stdout)
    : [];
  for (const { family, tables, programs } of LEGACY) {
    const program = programs.find(isInstalled);
    // Asked for a table that is not in use, it would bring it into use.
    const { stdout } = await runCommand("cat", [tables]);
    if (program === undefined || !stdout.split("\n").includes("nat")) continue;
    const { stdout: rules } = await runCommand(program, ["-t", "nat"]);
    found.push(...parseIptablesTranslations(family, rules));
  }
  return found;
}

/** Whether a rule takes what is for a port of an address. */
export function isTranslated(
  translations: readonly PortTranslation[],
  wanted: { readonly protocol: Protocol; readonly address: string; readonly port: number },
): boolean {
  return translations.some(({ families, protocol, ports, destination }) =>
    protocol === wanted.protocol && families.includes(familyOf(wanted.address)) &&
    ports.some(({ first, last }) => first <= wanted.port && wanted.port <= last) &&
    (destination === null || isWithin(wanted.address, destination))
  );
}

/** Rules from the output of `nft list ruleset`. */
export function parseNftTranslations(ruleset: string): PortTranslation[] {
  let families: readonly AddressFamily[] = [];
  return ruleset.split("\n").flatMap((line): PortTranslation[] => {
    const [, family] = /^table (\w+) /.exec(line) ?? [];
    if (family !== undefined) families = FAMILIES[family] ?? [];
    const [, protocol, ports] = /\b(tcp|udp) dport (\{[^}]*\}|\d\S*)/.exec(line) ?? [];
    if (ports === undefined || !/ (dnat|redirect)\b/.test(line)) return [];
    const [, destination = null] = /\bip6? daddr ([\da-f.:/]+) /.exec(line) ?? [];
    return [{ families, protocol: protocol as Protocol, ports: rangesOf(ports), destination }];
  });
}

/** Rules from the output of `iptables-save -t nat`. */
export function parseIptablesTranslations(family: AddressFamily, rules: string): PortTranslation[] {
  return rules.split("\n").flatMap((line): PortTranslation[] => {
    const [, protocol] = / -p (tcp|udp) /.exec(line) ?? [];
    const [, ports] = / --dports? (\S+)/.exec(line) ?? [];
    if (protocol === undefined || ports === undefined || !/ -j (DNAT|REDIRECT)\b/.test(line)) return [];
    const [, destination = null] = /(?<! !) -d (\S+)/.exec(line) ?? [];
    return [{ families: [family], protocol: protocol as Protocol, ports: rangesOf(ports), destination }];
  });
}

/** `80`, `8000-8003` and `8000:8003`, one or several of them. */
function rangesOf(text: string): PortRange[] {
  return [...text.matchAll(/(\d+)(?:[-:](\d+))?/g)].map(([, first, last = first]) => ({
    first: Number(first),
    last: Number(last),
  }));
}

function isWithin(address: string, destination: string): boolean {
  const [network = "", length = addressBits(familyOf(network))] = destination.split("/");
  return isInPrefix(address, network, Number(length));
}
