/**
 * Whether somebody listens where a real server's share of the clients arrives.
 *
 * @module
 */

import { formatRange } from "../../config/port_list.ts";
import { addressesLike, hostPrefixLength } from "../../host/links.ts";
import type { PortRange } from "../../model/config.ts";
import { type AddressFamily, familyOf } from "../../model/ip_address.ts";
import type { Binding, Target } from "../../realserver/target.ts";
import { placeText } from "../finding.ts";
import type { Check, Observation } from "./check.ts";
import { hasVip } from "./audit_checks.ts";
import type { Facts, Listener } from "./facts.ts";

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
  const isRedirected = facts.realServer?.method === "redirect";
  const ports = binding.localPort === null
    ? Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index)
    : [binding.localPort];
  const reached = isRedirected ? redirectionAddress(facts, target) : vip;
  const silent = ports.filter((port) =>
    !isListenedOn(facts.host.listeners, { ...binding, port }, reached, target)
  );
  if (silent.length === 0) return [];
  const elsewhere = facts.host.listeners.filter(({ protocol, address, port }) =>
    protocol === binding.protocol && silent.includes(port) &&
    [familyOf(vip), null].includes(familyOfListener(address))
  );
  const filter = silent.map((port) => `sport = :${port}`).join(" or ");
  const anywhere = familyOf(vip) === 4 ? "0.0.0.0" : "::";
  const names = formatRange({ first: silent[0]!, last: silent.at(-1)! });
  return [{
    problem:
      `No application listens on ${binding.protocol} ${placeText(reached ?? vip, names)}: clients of ` +
      `${placeText(vip, formatRange(range))} are refused by this host`,
    evidence: elsewhere.length === 0
      ? [`no socket on port ${names} (ss -ltnu)`]
      : elsewhere.map(({ address, port }) => `listening on ${listenerText(address, port)} (ss -ltnu)`),
    cause: isRedirected
      ? `method redirect hands the VIP's packets to ${
        reached ?? "the host's own address"
      }, not to the VIP or to 127.0.0.1`
      : "clients' packets are for the VIP, so that an application bound to another address never gets them",
    fix: null,
    advice: `Let the application listen on ${placeText(anywhere, names)}` +
      `${isRedirected ? "" : ` or on ${placeText(vip, names)}`}; who has the port now: ss -Hln${
        binding.protocol === "tcp" ? "t" : "u"
      }p '${filter}'`,
  }];
}

/** Whether a socket gets what is for `address`; every address of this host does if that is not known. */
function isListenedOn(
  listeners: readonly Listener[],
  wanted: { readonly protocol: string; readonly port: number },
  address: string | null,
  { vip, device }: Target,
): boolean {
  const anywhere = familyOf(vip) === 4 ? "0.0.0.0" : "::";
  return listeners.some((listener) =>
    listener.protocol === wanted.protocol && listener.port === wanted.port &&
    (listener.device === null || listener.device === device) &&
    [address, anywhere, "*"].includes(listener.address)
  );
}

/** The address that method redirect hands packets to: the first of the interface they arrive on (nft(8)). */
function redirectionAddress({ host }: Facts, { vip, device }: Target): string | null {
  const link = host.links.find(({ name }) => name === device);
  if (link === undefined) return null;
  const usable = addressesLike(link, vip).filter(({ address, prefixLength, scope }) =>
    address !== vip && scope === "global" && prefixLength <= hostPrefixLength(vip)
  );
  return usable[0]?.address ?? null;
}

function familyOfListener(address: string): AddressFamily | null {
  return address === "*" ? null : familyOf(address);
}

function listenerText(address: string, port: number): string {
  return address === "*" ? `*:${port}` : placeText(address, port);
}
