/**
 * Ports of this host that packet filter rules lead elsewhere, as container runtimes do: nobody has to listen on them here.
 *
 * @module
 */

import { isInstalled, runCommand } from "../../host/command.ts";
import { hasLegacyNatTable } from "../../host/filter_rules.ts";
import { parseIptablesTranslations } from "../../host/iptables_translations.ts";
import { LIST_RULESET, parseNftTranslations } from "../../host/nft_translations.ts";
import { shareOf, type Translation } from "../../host/translations.ts";
import type { Protocol } from "../../model/config.ts";

const LEGACY = [
  { family: 4, programs: ["iptables-legacy-save", "iptables-save"] },
  { family: 6, programs: ["ip6tables-legacy-save", "ip6tables-save"] },
] as const;

/** Reads the rules of nft(8), those of its iptables(8) among them, and those that only the older iptables(8) lists. */
export async function readPortTranslations(): Promise<Translation[]> {
  const found: Translation[] = isInstalled("nft")
    ? parseNftTranslations((await runCommand("nft", LIST_RULESET)).stdout)
    : [];
  for (const { family, programs } of LEGACY) {
    const program = programs.find(isInstalled);
    if (program === undefined || !await hasLegacyNatTable(family)) continue;
    const { stdout } = await runCommand(program, ["-t", "nat"]);
    found.push(...parseIptablesTranslations(family, stdout));
  }
  return found;
}

/**
 * Whether rules take what is for a port of an address of this host's. Those that do so for some clients only are not
 * enough: the others come to the port itself.
 *
 * @param wanted The address, and the interface that clients' packets for it arrive on.
 */
export function isTranslated(
  translations: readonly Translation[],
  wanted: {
    readonly protocol: Protocol;
    readonly address: string;
    readonly port: number;
    readonly device: string;
  },
): boolean {
  const { port } = wanted;
  const traffic = { ...wanted, ports: { first: port, last: port }, isOwn: true };
  return translations.some((translation) => ["all", "perhaps"].includes(shareOf(translation, traffic)));
}
