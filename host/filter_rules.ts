/**
 * Which rules arptables(8) and iptables(8) have, and whether another rule comes before them: a chain is left at the
 * first rule with a verdict, so that a rule may be there and never be reached.
 *
 * @module
 */

import type { AddressFamily } from "../model/ip_address.ts";
import { requireCommand, runCommand } from "./command.ts";

/** A rule as the words that add it to a chain, for example `-d 192.0.2.10 -j DROP`. */
export type RuleWords = readonly string[];

/** Where a rule is in its chain. */
export type RulePlace = "in force" | "behind another rule";

/** The rules of arptables(8) by chain, in their order. */
export async function listArptablesRules(): Promise<ReadonlyMap<string, readonly RuleWords[]>> {
  return parseArptablesRules(await requireCommand("arptables", ["-n", "-L"]));
}

/** The same from the output of `arptables -n -L`. */
export function parseArptablesRules(listing: string): Map<string, RuleWords[]> {
  const chains = new Map<string, RuleWords[]>();
  let rules: RuleWords[] = [];
  for (const line of listing.split("\n").map((line) => line.trim()).filter((line) => line !== "")) {
    const [, chain] = /^Chain (\S+) \(/.exec(line) ?? [];
    if (chain === undefined) rules.push(line.split(/\s+/));
    else chains.set(chain, rules = []);
  }
  return chains;
}

/**
 * The rules in the chain PREROUTING of the nat table of iptables(8) or ip6tables(8), in their order. Changes nothing:
 * a table that is not in use is not asked for.
 */
export async function listNatRules(program: "iptables" | "ip6tables"): Promise<RuleWords[]> {
  const family = program === "iptables" ? 4 : 6;
  if (await isLegacy(program) && !await hasLegacyNatTable(family)) return [];
  // -w: another program that is changing rules at this moment is waited for.
  const listing = await requireCommand(program, ["-w", "5", "-t", "nat", "-S", "PREROUTING"]);
  return listing.split("\n").filter((line) => line.startsWith("-A ")).map((line) =>
    line.split(/\s+/).slice(2).filter((word) => word !== "")
  );
}

/**
 * Whether the older iptables(8), which does not work through nft, has a nat table in use. Only asked for one, it brings
 * it into use, and with it connection tracking for all traffic of the host.
 */
export async function hasLegacyNatTable(family: AddressFamily): Promise<boolean> {
  const path = family === 4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names";
  // There is no such file while no table is in use at all.
  const { stdout } = await runCommand("cat", [path]);
  return stdout.split("\n").includes("nat");
}

async function isLegacy(program: "iptables" | "ip6tables"): Promise<boolean> {
  // As `iptables v1.8.9 (nf_tables)`; versions before 1.8, all of them legacy, do not say which they are.
  return !(await requireCommand(program, ["--version"])).includes("nf_tables");
}

/**
 * The places of `rules` in a chain, one for each in their order; `null` for one that is not there. Rules for another
 * single address, and `rules` themselves, do not come before one.
 */
export function placesOf(rules: readonly RuleWords[], chain: readonly RuleWords[]): (RulePlace | null)[] {
  const known = new Set(rules.map((rule) => optionsOf(rule).join(" ")));
  const listed = chain.map(optionsOf);
  return rules.map(optionsOf).map((rule) => {
    const at = listed.findIndex((other) => other.join(" ") === rule.join(" "));
    if (at < 0) return null;
    const isReached = listed.slice(0, at).every((other) =>
      known.has(other.join(" ")) || isForAnotherAddress(other, rule)
    );
    return isReached ? "in force" : "behind another rule";
  });
}

/** The options of a rule with their values, in one order and form whichever program lists them. */
function optionsOf(rule: RuleWords): string[] {
  const options: string[] = [];
  for (const word of rule) {
    const isOfOption = !word.startsWith("-") && word !== "!" || options.at(-1) === "!";
    if (isOfOption && options.length > 0) options.push(`${options.pop()} ${word.replace(/\/(32|128)$/, "")}`);
    else options.push(word);
  }
  // iptables lists the matches that ports of a protocol come with.
  return options.filter((option) => option !== "-m tcp" && option !== "-m udp").sort();
}

function isForAnotherAddress(rule: readonly string[], than: readonly string[]): boolean {
  return ["-d ", "-s "].some((option) => {
    const address = rule.find((one) => one.startsWith(option));
    const wanted = than.find((one) => one.startsWith(option));
    return address !== undefined && wanted !== undefined && address !== wanted && !address.includes("/");
  });
}
