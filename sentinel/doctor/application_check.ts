/**
 * Whether somebody listens where a real server's share of the clients arrives.
 *
 * @module
 */

import { formatPorts, formatRange } from "../../config/port_list.ts";
import { shellCommand } from "../../host/command.ts";
import { journalUndoCommand } from "../../host/change_host.ts";
import { addressesLike } from "../../host/links.ts";
import type { Method, PortRange } from "../../model/config.ts";
import { type AddressFamily, endpointText, familyOf, unspecifiedAddress } from "../../model/ip_address.ts";
import { promotionCommands } from "../../realserver/address_promotion.ts";
import type { Binding, Target } from "../../realserver/target.ts";
import type { Check, Observation } from "./check.ts";
import { hasVip } from "./audit_checks.ts";
import type { Facts, Listener } from "./facts.ts";
import { holdCommand } from "./hold_command.ts";
import { isTranslated } from "./port_translations.ts";
import type { StoppedServer } from "./programs.ts";

/** Ports of a wider range are not all meant to be listened on. */
const WIDEST_RANGE_PORTS = 16;

/** The check that every port of every VIP has an application. */
export const APPLICATION_CHECK: Check = {
  id: "app-not-listening",
  level: "error",
  roles: ["realserver"],
  look: (facts) =>
    silencesOf(facts, facts.realServer?.method ?? null).filter(({ target }) => hasVip(facts, target))
      .map((silence) => observationOf(facts, silence)),
};

/** Ports that clients reach and nobody listens on. */
interface Silence {
  readonly target: Target;
  readonly binding: Binding;
  /** Of the VIP, as clients know them. */
  readonly range: PortRange;
  /** Where their packets arrive; `null` if that cannot be told. */
  readonly reached: string | null;
  /** Of {@linkcode reached}. */
  readonly ports: readonly number[];
}

/** What would be silent if the host accepted its VIPs by a method. */
function silencesOf(facts: Facts, method: Method | null): Silence[] {
  const { realServer, host } = facts;
  const isRedirected = method === "redirect";
  return (realServer?.targets ?? []).flatMap((target) =>
    target.bindings.flatMap((binding) =>
      binding.ports.filter(isLookedAt).flatMap((range): Silence[] => {
        const { vip } = target;
        const reached = isRedirected ? redirectionAddress(facts, target) : vip;
        const ports = (binding.localPort === null
          ? Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index)
          : [binding.localPort]).filter((port) => {
            const wanted = { protocol: binding.protocol, address: reached, port };
            return !isListenedOn(host.listeners, wanted, target) &&
              // Method redirect is a translation itself.
              (isRedirected || !isTranslated(host.translations, { ...wanted, address: vip }));
          });
        return ports.length === 0 ? [] : [{ target, binding, range, reached, ports }];
      })
    )
  );
}

function isLookedAt({ first, last }: PortRange): boolean {
  return last - first < WIDEST_RANGE_PORTS;
}

function observationOf(facts: Facts, silence: Silence): Observation {
  const { target: { vip }, binding: { protocol }, range, reached, ports } = silence;
  const { host: { listeners, stoppedServers }, realServer } = facts;
  const elsewhere = listeners.filter((listener) =>
    listener.protocol === protocol && ports.includes(listener.port) &&
    [familyOf(vip), null].includes(familyOfListener(listener.address))
  );
  const names = formatPorts(runsOf(ports));
  const stopped = elsewhere.length > 0
    ? []
    : stoppedServers.filter((server) => ports.some((port) => server.ports.includes(port)));
  return {
    problem: `No application listens on ${protocol} ${endpointText(reached ?? vip, names)}: clients of ` +
      `${endpointText(vip, formatRange(range))} are refused by this host`,
    evidence: [
      ...(elsewhere.length === 0
        ? [`no socket on port ${names} (ss -ltnu)`]
        : elsewhere.map(({ address, port }) => `listening on ${listenerText(address, port)} (ss -ltnu)`)),
      ...stopped.map(({ unit }) => `${unit} is installed and does not run (systemctl status)`),
    ],
    cause: realServer?.method === "redirect"
      ? `method redirect hands the VIP's packets to ${
        reached ?? "the host's own address"
      }, not to the VIP or to 127.0.0.1`
      : "clients' packets are for the VIP, so that an application bound to another address never gets them",
    fix: startCommand(stopped) ?? redirectCommands(facts),
    advice: adviceFor(facts, silence),
  };
}

/** Starts the only program that it can be. */
function startCommand([server, ...others]: readonly StoppedServer[]): string | null {
  return server === undefined || others.length > 0 ? null : shellCommand(["systemctl", "start", server.unit]);
}

/**
 * Hands the VIPs' packets to the host's own address, if whatever they are for listens there; `null` if not, or if
 * something that cannot be undone by a command has given the host its VIPs.
 */
function redirectCommands(facts: Facts): string | null {
  const { realServer, host: { links } } = facts;
  if (realServer === null || !isRedirectEnough(facts)) return null;
  const { journal, targets, method } = realServer;
  const command = holdCommand(facts, "redirect");
  // A role that runs has to end first, as it was started; a route is not seen as an address is.
  if (command === null || method === "route" || (journal !== null && journal.owner !== null)) return null;
  const undone = journal?.steps ?? [];
  const removals = targets.flatMap(({ vip }) =>
    links.flatMap((link) =>
      addressesLike(link, vip).filter(({ address }) => address === vip).filter(() =>
        !undone.some((step) =>
          step.kind === "addAddress" && step.address === vip && step.device === link.name
        )
      ).map(({ prefixLength }) =>
        shellCommand(["ip", "address", "delete", `${vip}/${prefixLength}`, "dev", link.name])
      )
    )
  );
  return [
    ...(journal === null ? [] : [journalUndoCommand(journal.path)]),
    ...targets.flatMap(({ vip }) => promotionCommands(vip, links)),
    ...removals,
    command,
  ].join("\n");
}

/** Whether all that clients of this host's VIPs want to reach would be reached with method redirect. */
function isRedirectEnough(facts: Facts): boolean {
  const { realServer } = facts;
  if (realServer === null || realServer.method === "redirect") return false;
  const { targets } = realServer;
  return targets.every(({ bindings }) =>
    bindings.length > 0 && bindings.every(({ ports }) => ports.every(isLookedAt))
  ) &&
    targets.every((target) => redirectionAddress(facts, target) !== null) &&
    silencesOf(facts, "redirect").length === 0;
}

/** What is the administrator's to decide. */
function adviceFor(
  facts: Facts,
  { target: { vip }, binding: { protocol }, reached, ports }: Silence,
): string {
  const names = formatPorts(runsOf(ports));
  const filter = ports.map((port) => `sport = :${port}`).join(" or ");
  const anywhere = unspecifiedAddress(familyOf(vip));
  const isRedirected = facts.realServer?.method === "redirect";
  const places = `${endpointText(anywhere, names)}${
    isRedirected || reached === null ? "" : ` or on ${endpointText(reached, names)}`
  }`;
  const whoHasIt = `who has the port now: ss -Hln${protocol === "tcp" ? "t" : "u"}p '${filter}'`;
  return isRedirectEnough(facts)
    ? "lvsdr realserver --method redirect, started or restarted so, and so in its unit, hands the VIP's packets to " +
      `the address that is listened on; or let the application listen on ${places}, which saves connection tracking; ` +
      whoHasIt
    : "Which application serves its clients, and how it is told to, only this host's administrator knows: let it " +
      `listen on ${places}; ${whoHasIt}`;
}

/** Ascending ports as ranges. */
function runsOf(ports: readonly number[]): PortRange[] {
  const runs: { first: number; last: number }[] = [];
  for (const port of ports) {
    const run = runs.at(-1);
    if (run?.last === port - 1) run.last = port;
    else runs.push({ first: port, last: port });
  }
  return runs;
}

/** Whether a socket gets what is for an address; where that is not known, whatever address it is bound to. */
function isListenedOn(
  listeners: readonly Listener[],
  { protocol, address, port }: {
    readonly protocol: string;
    readonly address: string | null;
    readonly port: number;
  },
  { vip, device }: Target,
): boolean {
  const anywhere = unspecifiedAddress(familyOf(vip));
  return listeners.some((listener) =>
    listener.protocol === protocol && listener.port === port &&
    (listener.device === null || listener.device === device) &&
    (address === null || [address, anywhere, "*"].includes(listener.address))
  );
}

/** The address that method redirect hands packets to: the first of the interface they arrive on (nft(8)). */
function redirectionAddress({ host }: Facts, { vip, device }: Target): string | null {
  const link = host.links.find(({ name }) => name === device);
  if (link === undefined) return null;
  const usable = addressesLike(link, vip).filter(({ address, scope }) =>
    address !== vip && scope === "global"
  );
  return usable[0]?.address ?? null;
}

function familyOfListener(address: string): AddressFamily | null {
  return address === "*" ? null : familyOf(address);
}

function listenerText(address: string, port: number): string {
  return address === "*" ? `*:${port}` : endpointText(address, port);
}
