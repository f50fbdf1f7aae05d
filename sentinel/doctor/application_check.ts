/**
 * Whether somebody listens where a real server's share of the clients arrives.
 *
 * @module
 */

import { formatPorts, formatRange } from "../../config/port_list.ts";
import { shellCommand } from "../../host/command.ts";
import { addressesLike } from "../../host/links.ts";
import type { PortRange } from "../../model/config.ts";
import { type AddressFamily, endpointText, familyOf, unspecifiedAddress } from "../../model/ip_address.ts";
import type { Binding, Target } from "../../realserver/target.ts";
import type { Check, Observation } from "./check.ts";
import { hasVip } from "./audit_checks.ts";
import type { Facts, Listener } from "./facts.ts";
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
    (facts.realServer?.targets ?? []).filter((target) => hasVip(facts, target)).flatMap((target) =>
      target.bindings.flatMap((binding) =>
        binding.ports.filter(({ first, last }) => last - first < WIDEST_RANGE_PORTS).flatMap((range) =>
          lookAtRange(facts, target, binding, range)
        )
      )
    ),
};

function lookAtRange(facts: Facts, target: Target, binding: Binding, range: PortRange): Observation[] {
  const { vip } = target;
  const { host } = facts;
  const isRedirected = facts.realServer?.method === "redirect";
  const reached = isRedirected ? redirectionAddress(facts, target) : vip;
  const ports = binding.localPort === null
    ? Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index)
    : [binding.localPort];
  const silent = ports.map((port) => ({ protocol: binding.protocol, address: reached, port })).filter((
    wanted,
  ) =>
    !isListenedOn(host.listeners, wanted, target) &&
    // Method redirect is a translation itself.
    (isRedirected || !isTranslated(host.translations, { ...wanted, address: vip }))
  ).map(({ port }) => port);
  if (silent.length === 0) return [];
  const elsewhere = host.listeners.filter(({ protocol, address, port }) =>
    protocol === binding.protocol && silent.includes(port) &&
    [familyOf(vip), null].includes(familyOfListener(address))
  );
  const names = formatPorts(runsOf(silent));
  const stopped = elsewhere.length > 0
    ? []
    : host.stoppedServers.filter((server) => silent.some((port) => server.ports.includes(port)));
  return [{
    problem:
      `No application listens on ${binding.protocol} ${endpointText(reached ?? vip, names)}: clients of ` +
      `${endpointText(vip, formatRange(range))} are refused by this host`,
    evidence: [
      ...(elsewhere.length === 0
        ? [`no socket on port ${names} (ss -ltnu)`]
        : elsewhere.map(({ address, port }) => `listening on ${listenerText(address, port)} (ss -ltnu)`)),
      ...stopped.map(({ unit }) => `${unit} is installed and does not run (systemctl status)`),
    ],
    cause: isRedirected
      ? `method redirect hands the VIP's packets to ${
        reached ?? "the host's own address"
      }, not to the VIP or to 127.0.0.1`
      : "clients' packets are for the VIP, so that an application bound to another address never gets them",
    ...remedyFor({ vip, reached: isRedirected ? null : vip, binding, silent, names }, stopped),
  }];
}

/** What helps: starting the only program that it can be; else it is the administrator's to decide. */
function remedyFor(
  { vip, reached, binding, silent, names }: {
    readonly vip: string;
    /** An address that will do besides all of them, or `null`. */
    readonly reached: string | null;
    readonly binding: Binding;
    readonly silent: readonly number[];
    readonly names: string;
  },
  stopped: readonly StoppedServer[],
): Pick<Observation, "fix" | "advice"> {
  const filter = silent.map((port) => `sport = :${port}`).join(" or ");
  const anywhere = unspecifiedAddress(familyOf(vip));
  const [server, ...others] = stopped;
  return {
    fix: server === undefined || others.length > 0 ? null : shellCommand(["systemctl", "start", server.unit]),
    advice:
      "Which application serves its clients, and how it is told to, only this host's administrator knows: let it " +
      `listen on ${endpointText(anywhere, names)}${
        reached === null ? "" : ` or on ${endpointText(reached, names)}`
      }; who has the port now: ss -Hln${binding.protocol === "tcp" ? "t" : "u"}p '${filter}'`,
  };
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
