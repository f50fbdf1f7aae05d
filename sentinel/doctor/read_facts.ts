/**
 * Reading everything the checks of one role look at.
 *
 * @module
 */

import { GUARD_FAMILY, guardTableName } from "../../director/guard_ruleset.ts";
import { isInstalled, runCommand } from "../../host/command.ts";
import { hostPrefixLength, type Link, linkOfSubnet } from "../../host/links.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import { lookAtHost, readTask } from "../../realserver/task.ts";
import { fetchSnapshot } from "../../status/client.ts";
import type { ConfigFile } from "../finding.ts";
import type { DirectorFacts, Facts, RealServerFacts, Role } from "./facts.ts";
import { ownServer } from "./role.ts";
import { readHostFacts } from "./host_facts.ts";
import { methodOfSteps, readRoleJournal, vipsOfSteps } from "./role_journal.ts";

export interface Scope {
  readonly role: Role;
  readonly runDir: string;
  /** Whether there is a director's socket in the run directory. */
  readonly hasSocket: boolean;
  readonly file: ConfigFile | null;
  readonly links: readonly Link[];
}

/**
 * Reads the facts.
 *
 * @throws {OperatorError} If it cannot be told which VIPs this host is about.
 */
export async function readFacts(scope: Scope): Promise<Facts> {
  const host = await readHostFacts(scope.links);
  const { role, runDir, hasSocket, file } = scope;
  if (role === "realserver") {
    const realServer = await readRealServer(scope);
    const vips = realServer.targets.map(({ vip }) => vip);
    return { role, runDir, file, vips, host, realServer, director: null };
  }
  const director = await readDirector(scope);
  const services = director.snapshot?.services ?? file?.config.services;
  // A director that has ended is worth a word even if nobody knows any more what it was there for.
  if (services === undefined && !hasSocket) throw unknownVips();
  const vips = [...new Set((services ?? []).map(({ vip }) => vip))];
  return { role, runDir, file, vips, host, realServer: null, director };
}

async function readRealServer({ runDir, file, links }: Scope): Promise<RealServerFacts> {
  const journal = await readRoleJournal(runDir);
  const method = methodOfSteps(journal?.steps ?? []);
  if (file !== null && ownServer(file, links) === null) throw notListed(file);
  const vips = file === null ? knownVips(links, vipsOfSteps(journal?.steps ?? [])) : [];
  if (file === null && (vips.length === 0 || method === "redirect")) throw unknownVips();
  const task = await readTask({
    config: file?.path ?? null,
    vips,
    ports: [],
    protocol: "tcp",
    // What the role made is what must be mended, whatever suits the host better now.
    method: method ?? "auto",
    interface: null,
  });
  const { choice, requirements } = await lookAtHost(task, true);
  return { targets: task.aim.targets, method: choice.method, requirements, journal };
}

/** The VIPs of the journal; if it has none, addresses that stand alone on lo. */
function knownVips(links: readonly Link[], made: readonly string[]): readonly string[] {
  if (made.length > 0) return made;
  const alone = links.filter(({ isLoopback }) => isLoopback).flatMap((link) => [
    ...link.addresses,
    ...link.ipv6Addresses,
  ]).filter(({ address, prefixLength, scope }) =>
    scope === "global" && prefixLength === hostPrefixLength(address)
  );
  return alone.map(({ address }) => address);
}

async function readDirector({ runDir, file, links }: Scope): Promise<DirectorFacts> {
  const { snapshot, silence } = await ask(runDir);
  const device = snapshot?.datapath.interface.name ?? file?.config.director.interface ??
    linkOfVips(file, links);
  return {
    device,
    snapshot,
    silence,
    guarded: isInstalled("nft") ? await readGuarded(device) : null,
    realServerJournal: await readRoleJournal(runDir),
  };
}

async function ask(runDir: string): Promise<{ snapshot: StatusSnapshot | null; silence: string | null }> {
  try {
    return { snapshot: await fetchSnapshot(runDir), silence: null };
  } catch (error) {
    if (!(error instanceof OperatorError) || error.exitCode !== ExitCode.UNAVAILABLE) throw error;
    return { snapshot: null, silence: error.message };
  }
}

function linkOfVips(file: ConfigFile | null, links: readonly Link[]): string | null {
  const untagged = file?.config.services.find(({ vlan }) => vlan === null);
  return untagged === undefined ? null : linkOfSubnet(links, untagged.vip)?.name ?? null;
}

/** Addresses in the sets of the table that keeps the kernel away. */
async function readGuarded(device: string | null): Promise<Set<string>> {
  if (device === null) return new Set();
  const { stdout } = await runCommand("nft", ["-j", "list", "table", GUARD_FAMILY, guardTableName(device)]);
  return guardedAddresses(stdout);
}

/** The same, from what nft lists (libnftables-json(5)). */
export function guardedAddresses(json: string): Set<string> {
  const listing = JSON.parse(json || '{"nftables":[]}') as {
    readonly nftables: readonly { readonly set?: { readonly elem?: readonly unknown[] } }[];
  };
  return new Set(
    listing.nftables.flatMap(({ set }) => set?.elem ?? []).filter((element) => typeof element === "string"),
  );
}

function notListed({ path }: ConfigFile): OperatorError {
  return new OperatorError(
    `None of this host's addresses is among the servers of "${path}"`,
    ExitCode.CONFIG,
    {
      remedy: "Add its address under servers, or leave --role out",
    },
  );
}

function unknownVips(): OperatorError {
  return new OperatorError("Cannot tell which VIPs this host is about", ExitCode.USAGE, {
    remedy: "Name the cluster's configuration with -c FILE",
  });
}
