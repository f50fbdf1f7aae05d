/**
 * Reading everything the checks of one role look at.
 *
 * @module
 */

import { GUARD_FAMILY, guardTableName } from "../../director/guard_ruleset.ts";
import { journalPathIn } from "../../director/undo.ts";
import { type FilteringCard, filteringCards } from "../../host/vlan_filter.ts";
import { isInstalled, runCommand } from "../../host/command.ts";
import { hostPrefixLength, type Link } from "../../host/links.ts";
import { readJournal } from "../../host/read_journal.ts";
import { type Config, vipsOf } from "../../model/config.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { HostError, OperatorError } from "../../model/operator_error.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import type { Aim, Choice } from "../../realserver/choose_method.ts";
import type { Requirement } from "../../realserver/requirement.ts";
import { type VirtualAddress, virtualAddressesFromConfig } from "../../realserver/target.ts";
import { aimAt, lookAtHost } from "../../realserver/task.ts";
import { fetchSnapshot } from "../../status/client.ts";
import type { ConfigFile } from "../finding.ts";
import { directorDevice } from "../vantage.ts";
import type { DirectorFacts, Facts, RealServerFacts, Role } from "./facts.ts";
import { ownServer } from "./role.ts";
import { readHostFacts } from "./host_facts.ts";
import { methodOfSteps, readRoleJournal, type RoleJournal, vipsOfSteps } from "./role_journal.ts";
import { readStrictInterfaces } from "./strict_interfaces.ts";

/** Of no interface: the kernel counts from 1. */
const NO_INDEX = 0;

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
  const directorJournal = await readJournal(journalPathIn(runDir));
  if (role === "realserver") {
    const realServer = await readRealServer(scope);
    const vips = realServer.targets.map(({ vip }) => vip);
    return { role, runDir, file, vips, host, directorJournal, realServer, director: null };
  }
  const director = await readDirector(scope);
  const services = director.snapshot?.services ?? file?.config.services;
  // A director that has ended is worth a word even if nobody knows any more what it was there for.
  if (services === undefined && !hasSocket && directorJournal === null) throw unknownVips();
  const vips = vipsOf({ services: services ?? [] });
  return { role, runDir, file, vips, host, directorJournal, realServer: null, director };
}

async function readRealServer({ runDir, file, links }: Scope): Promise<RealServerFacts> {
  const journal = await readRoleJournal(runDir);
  if (file !== null && ownServer(file, links) === null) throw notListed(file);
  const addresses = file === null
    ? knownAddresses(journal, links)
    : virtualAddressesFromConfig(file.config, links);
  const asked = askedChoice(journal, file);
  const arePortsKnown = addresses.every(({ bindings }) => bindings.length > 0);
  if (addresses.length === 0 || (asked?.method === "redirect" && !arePortsKnown)) throw unknownVips();
  const aim = await aimOf(addresses, links, journal?.scope?.interface ?? null);
  const { choice, targets, requirements, state } = await lookAtHost({ aim, asked, status: null }, true);
  const redirection = choice.method === "redirect"
    ? requirements
    : arePortsKnown
    ? await redirectionOf(aim)
    : null;
  const look = { targets, method: choice.method, requirements };
  const strictInterfaces = await readStrictInterfaces({ ...look, sysctls: state.sysctls });
  return { ...look, redirection, strictInterfaces, journal, programs: state.programs };
}

/** A host whose rules cannot be read is no reason to see nothing else: another method needs none. */
async function redirectionOf(aim: Aim): Promise<readonly Requirement[] | null> {
  const asked: Choice = { method: "redirect", reason: "looked at" };
  try {
    return (await lookAtHost({ aim, asked, status: null }, true)).requirements;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return null;
  }
}

/** What the role that has left the journal did the same for: an audit of more would find what nobody asked for. */
function knownAddresses(journal: RoleJournal | null, links: readonly Link[]): readonly VirtualAddress[] {
  if (journal?.scope) return journal.scope.vips;
  const made = vipsOfSteps(journal?.steps ?? []);
  const vips = made.length > 0 ? made : aloneOnLoopback(links);
  return vips.map((vip) => ({ vip, realServerAddress: null, bindings: [] }));
}

function aloneOnLoopback(links: readonly Link[]): readonly string[] {
  return links.filter(({ isLoopback }) => isLoopback).flatMap((link) => [
    ...link.addresses,
    ...link.ipv6Addresses,
  ]).filter(({ address, prefixLength, scope }) =>
    scope === "global" && prefixLength === hostPrefixLength(address)
  ).map(({ address }) => address);
}

/** The method that the role used, whatever suits the host better now; else the one that is configured. */
function askedChoice(journal: RoleJournal | null, file: ConfigFile | null): Choice | null {
  const used = methodOfSteps(journal?.steps ?? []);
  if (used !== null) return { method: used, reason: "as applied" };
  const configured = file?.config.realserver.method ?? "auto";
  return configured === "auto" ? null : { method: configured, reason: "as configured" };
}

/** An interface that was to be the only one and is gone is a finding, and no reason to see nothing else. */
async function aimOf(
  addresses: readonly VirtualAddress[],
  links: readonly Link[],
  wantedDevice: string | null,
): Promise<Aim> {
  if (wantedDevice === null || links.some(({ name }) => name === wantedDevice)) {
    return await aimAt(addresses, links, wantedDevice);
  }
  const targets = addresses.map((address) => ({ ...address, device: wantedDevice, deviceIndex: NO_INDEX }));
  return { targets, wantedDevice, looseDevices: new Set() };
}

async function readDirector({ runDir, file, links }: Scope): Promise<DirectorFacts> {
  const { snapshot, silence } = await ask(runDir);
  const device = snapshot?.datapath.interface.name ??
    (file === null ? null : directorDevice(file.config, links));
  return {
    device,
    snapshot,
    silence,
    guarded: isInstalled("nft") ? await readGuarded(device) : null,
    filteringCards: device === null || file === null ? [] : await readFilteringCards(device, file.config),
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

/** Cards that keep frames of VLANs away; none where that cannot be told, as the interface has gone or has no card. */
async function readFilteringCards(device: string, { services }: Config): Promise<FilteringCard[]> {
  try {
    return await filteringCards(device, services);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return [];
  }
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
