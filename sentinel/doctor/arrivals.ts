/**
 * Where packets for the ports of VIPs arrive on a real server, and whether somebody listens there.
 *
 * @module
 */

import { addressesLike } from "../../host/links.ts";
import type { Method, PortRange } from "../../model/config.ts";
import { familyOf, unspecifiedAddress } from "../../model/ip_address.ts";
import type { Binding, Target } from "../../realserver/target.ts";
import type { Facts, Listener } from "./facts.ts";
import { isTranslated } from "./port_translations.ts";

/** Ports of a wider range are not all meant to be listened on. */
const WIDEST_RANGE_PORTS = 16;

/** The ports of one range of a VIP. */
export interface Arrival {
  readonly target: Target;
  readonly binding: Binding;
  /** Of the VIP, as clients know them. */
  readonly range: PortRange;
  /** Address where their packets arrive; `null` if that cannot be told. */
  readonly reached: string | null;
  /** Ports of {@linkcode reached} that nobody listens on, ascending. */
  readonly silent: readonly number[];
  /** Ports of {@linkcode reached} that somebody listens on, ascending. */
  readonly served: readonly number[];
}

/** Every port of every VIP that is looked at, as it would be if the host accepted its VIPs by a method. */
export function arrivalsOf({ host, realServer }: Facts, method: Method | null): Arrival[] {
  const targets = realServer?.targets ?? [];
  const isRedirected = method === "redirect";
  return targets.flatMap((target) => {
    const { vip, device } = target;
    const reached = isRedirected ? redirectionAddress(host, target, targets.map(({ vip }) => vip)) : vip;
    return target.bindings.flatMap((binding) =>
      binding.ports.filter(isLookedAt).map((range): Arrival => {
        const isServed = (port: number) => {
          const wanted = { protocol: binding.protocol, address: reached, port };
          return isListenedOn(host.listeners, wanted, target) ||
            // Method redirect is a translation itself.
            (!isRedirected && isTranslated(host.translations, { ...wanted, address: vip, device }));
        };
        const { served = [], silent = [] } = Object.groupBy(
          portsOf(range, binding),
          (port) => isServed(port) ? "served" : "silent",
        );
        return { target, binding, range, reached, silent, served };
      })
    );
  });
}

/** Whether every port of a range is expected to be listened on. */
export function isLookedAt({ first, last }: PortRange): boolean {
  return last - first < WIDEST_RANGE_PORTS;
}

/** Ascending ports as ranges. */
export function runsOf(ports: readonly number[]): PortRange[] {
  const runs: { first: number; last: number }[] = [];
  for (const port of ports) {
    const run = runs.at(-1);
    if (run?.last === port - 1) run.last = port;
    else runs.push({ first: port, last: port });
  }
  return runs;
}

/**
 * The address that method redirect hands a VIP's packets to, once the interface has none of the VIPs; `null` if it has
 * no other.
 *
 * The kernel takes the first of the interface's list whatever its scope, for IPv6 the first that is not tentative
 * (nf_nat_redirect_ipv4() and nf_nat_redirect_ipv6() of Linux 6.18). ip-address(8) shows the list in that order: for IPv4
 * the narrower scopes first, for IPv6 what was added last.
 */
export function redirectionAddress(
  { links, unusable }: Pick<Facts["host"], "links" | "unusable">,
  { vip, device }: Pick<Target, "vip" | "device">,
  vips: readonly string[],
): string | null {
  const link = links.find(({ name }) => name === device);
  if (link === undefined) return null;
  const isUnusable = (address: string) =>
    unusable.some((found) => found.device === device && found.address === address);
  const usable = addressesLike(link, vip).find(({ address }) =>
    !vips.includes(address) && !isUnusable(address)
  );
  return usable?.address ?? null;
}

function portsOf({ first, last }: PortRange, { localPort }: Binding): number[] {
  return localPort === null
    ? Array.from({ length: last - first + 1 }, (_, index) => first + index)
    : [localPort];
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
