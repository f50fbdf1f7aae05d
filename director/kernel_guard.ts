/**
 * Keeps the director's own kernel away from VIP traffic. It sees the same frames as the datapath, and would answer
 * ARP and send resets where a VIP is on an interface, or forward and redirect where it is a router. A rule at the
 * ingress of the interface drops those frames behind the tap that libpcap reads from.
 *
 * @module
 */

import { applySteps, undoSteps } from "../host/change_host.ts";
import { requireCommand, runCommand } from "../host/command.ts";
import type { Journal } from "../host/journal.ts";
import { type Link, linkHolding } from "../host/links.ts";
import { hasNftTable, type Step } from "../host/step.ts";
import { readSysctl } from "../host/sysctl.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";

const FAMILY = "netdev";
/** Before every other chain of the hook (nft(8), "Priority"). */
const PRIORITY = -500;

/** Name of the table: a host may have several directors, each on an interface of its own. */
export function guardTableName(device: string): string {
  return `lvsdr_director_${device.replaceAll(/[^A-Za-z0-9_]/g, "_")}`;
}

/** The nft(8) ruleset that drops what is for a VIP. */
export function guardRuleset(device: string, vips: readonly string[]): string {
  const table = `${FAMILY} ${guardTableName(device)}`;
  return [
    `create table ${table}`,
    `add set ${table} vips { type ipv4_addr; elements = { ${vips.join(", ")} }; }`,
    `add chain ${table} ingress { type filter hook ingress device "${device}" priority ${PRIORITY}; policy accept; }`,
    `add rule ${table} ingress ip daddr @vips counter drop`,
    `add rule ${table} ingress arp operation request arp daddr ip @vips counter drop`,
    "",
  ].join("\n");
}

/**
 * Installs the guard. Where nft(8) is missing, a host that would not interfere is left as it is.
 *
 * The guard of a director that crashed is replaced, without a moment in which the kernel could reset or redirect the
 * connections that are about to go on.
 *
 * @param journal May hold what a director that crashed has left.
 * @returns Whether the guard is in force.
 * @throws {HostError} If nft is missing on a host that would interfere, or refuses.
 */
export async function installGuard(
  journal: Journal,
  device: string,
  vips: readonly string[],
  links: readonly Link[],
): Promise<boolean> {
  if (!await hasNft()) {
    const interference = await interferenceOf(vips, links);
    if (interference === null) return false;
    throw new HostError(
      "nft",
      `This host's kernel would handle VIP traffic as well: ${interference}`,
      ExitCode.UNAVAILABLE,
      {
        remedy: "Install nftables, so that lvsdr can keep the kernel away from it: apt install nftables",
      },
    );
  }
  const name = guardTableName(device);
  const isGuard = (step: Step) => step.kind === "nftTable" && step.name === name;
  if (journal.steps.length > 0 && journal.steps.every(isGuard)) {
    await replaceGuard(device, vips);
    return true;
  }
  await undoSteps(journal, "all", () => {});
  if (await hasNftTable(FAMILY, name)) throw foreignTable(name, device);
  const ruleset = guardRuleset(device, vips);
  await applySteps(journal, [{ kind: "nftTable", family: FAMILY, name, ruleset }], { report: () => {} });
  return true;
}

/** Makes the guard cover these VIPs, in one transaction; makes it anew if somebody has flushed the ruleset. */
export async function replaceGuard(device: string, vips: readonly string[]): Promise<void> {
  const table = `${FAMILY} ${guardTableName(device)}`;
  // "add" does nothing to a table that exists, so that "delete" always finds one.
  const ruleset = `add table ${table}\ndelete table ${table}\n${guardRuleset(device, vips)}`;
  await requireCommand("nft", ["-f", "-"], ruleset);
}

function foreignTable(name: string, device: string): HostError {
  const remedy = `Stop the director that runs on ${device} under another run directory; if one crashed: ` +
    `nft delete table ${FAMILY} ${name}`;
  return new HostError(name, `Table "${FAMILY} ${name}" is in nft already`, ExitCode.UNAVAILABLE, { remedy });
}

async function hasNft(): Promise<boolean> {
  try {
    await runCommand("nft", ["--version"]);
    return true;
  } catch (error) {
    if (error instanceof HostError && error.exitCode === ExitCode.UNAVAILABLE) return false;
    throw error;
  }
}

async function interferenceOf(vips: readonly string[], links: readonly Link[]): Promise<string | null> {
  for (const vip of vips) {
    const holder = linkHolding(links, vip);
    if (holder !== null) return `${vip} is an address of ${holder.name}`;
  }
  return await readSysctl("net/ipv4/ip_forward") === "1" ? "net.ipv4.ip_forward is 1" : null;
}
