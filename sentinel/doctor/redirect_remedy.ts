/**
 * Bringing clients' packets to applications that listen on the host's own address, by method redirect.
 *
 * @module
 */

import { formatPorts } from "../../config/port_list.ts";
import { journalUndoCommand } from "../../host/change_host.ts";
import { hostPrefixLength, type Link } from "../../host/links.ts";
import { endpointText } from "../../model/ip_address.ts";
import { holdersOf, removalCommands } from "../../realserver/address_promotion.ts";
import { redirectPrograms } from "../../realserver/methods/redirect.ts";
import { arrivalsOf, isLookedAt, runsOf } from "./arrivals.ts";
import { areVipsInPlace, hasVip } from "./audit_checks.ts";
import type { Facts, RealServerFacts } from "./facts.ts";
import { holdCommand } from "./hold_command.ts";
import { type RoleJournal, vipsOfSteps } from "./role_journal.ts";

/** What changing to method redirect would come to. */
export interface RedirectRemedy {
  /**
   * Shell commands that do it; `null` if something else has to be done first, or if it would cost connections that are
   * well.
   */
  readonly commands: string | null;
  /** VIPs and ports that are served now, whose open connections it would end. */
  readonly losses: readonly string[];
  /** What would have the role refused, besides the VIPs where they are now, for example rules of others. */
  readonly obstacles: readonly string[];
  /** The command that takes back what the role has left here; `null` if there is nothing, or if others need it. */
  readonly takeBack: string | null;
}

/** The places of VIPs, which the commands change. */
const PLACE_FACT = /^VIP /;

/** `null` if it would not bring all that clients want to somebody who listens, or cannot be done here. */
export function redirectRemedy(facts: Facts): RedirectRemedy | null {
  const { realServer } = facts;
  if (realServer === null || !isEnough(facts, realServer)) return null;
  const losses = arrivalsOf(facts, realServer.method)
    .filter(({ target, served }) => served.length > 0 && hasVip(facts, target))
    .map(({ target: { vip }, binding: { protocol }, served }) =>
      `${protocol} ${endpointText(vip, formatPorts(runsOf(served)))}`
    );
  const obstacles = (realServer.redirection ?? [])
    .filter(({ fact, holds, steps }) => !holds && steps.length === 0 && !PLACE_FACT.test(fact))
    .map(({ fact, found }) => `${fact} is ${found}`);
  const isAllowed = losses.length === 0 && obstacles.length === 0 && realServer.redirection !== null;
  return {
    commands: isAllowed ? commandsFor(facts, realServer) : null,
    losses,
    obstacles,
    takeBack: takeBackOf(facts, realServer),
  };
}

/** Whether all that clients of this host's VIPs want would be listened to, and the rules can be loaded. */
function isEnough(facts: Facts, { method, targets, programs }: RealServerFacts): boolean {
  return method !== "redirect" &&
    redirectPrograms(programs, targets).every((program) => programs.has(program)) &&
    targets.every(({ bindings }) =>
      bindings.length > 0 && bindings.every(({ ports }) => ports.every(isLookedAt))
    ) &&
    arrivalsOf(facts, "redirect").every(({ reached, silent }) => reached !== null && silent.length === 0);
}

function commandsFor(facts: Facts, realServer: RealServerFacts): string | null {
  const { host: { links, unusable } } = facts;
  const { journal, targets, method } = realServer;
  const takeBack = takeBackOf(facts, realServer);
  const vips = targets.map(({ vip }) => vip);
  const command = holdCommand(facts, "redirect");
  if (command === null || !areVipsInPlace(realServer)) return null;
  // Another finding's command takes such an address away.
  if (unusable.some(({ address }) => vips.includes(address))) return null;
  // A route is not seen as an address is, and a role that runs has to end first, as it was started.
  if (method === "route" || (journal !== null && journal.owner !== null)) return null;
  if (journal !== null && takeBack === null) return null;
  return [
    // First the VIPs, whatever made them: what keeps the host silent about them must outlive them.
    ...vips.flatMap((vip) => removalCommands(vip, holdersOf(vip, links))),
    ...(takeBack === null ? [] : [takeBack]),
    command,
  ].join("\n");
}

function takeBackOf({ host: { links } }: Facts, { journal, targets }: RealServerFacts): string | null {
  const vips = targets.map(({ vip }) => vip);
  return journal === null || isNeededByOthers(journal, vips, links) ? null : journalUndoCommand(journal.path);
}

/** Whether undoing what a journal names would take away, or expose, an address that is none of the VIPs. */
function isNeededByOthers({ steps }: RoleJournal, vips: readonly string[], links: readonly Link[]): boolean {
  const silent = links.filter(({ hasArp }) => !hasArp);
  const hidden = silent.flatMap(({ addresses }) => addresses).filter(({ address, prefixLength }) =>
    prefixLength === hostPrefixLength(address)
  );
  const others = [...vipsOfSteps(steps), ...hidden.map(({ address }) => address)];
  return steps.length > 0 && others.some((address) => !vips.includes(address));
}
