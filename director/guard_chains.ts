/**
 * Which addresses this host's kernel is kept away from, and at which of its interfaces.
 *
 * The ingress of an interface comes before the interfaces that are stacked on it. What is in a VLAN is therefore dropped
 * where the host has it without its tag: dropped earlier, nothing of it would ever reach those that listen there.
 *
 * @module
 */

import { type Link, linkOfSubnet } from "../host/links.ts";
import type { VirtualService } from "../model/config.ts";
import type { GuardChain } from "./guard_ruleset.ts";

/** A VIP, and the VLAN it is in. */
export type GuardedVip = Pick<VirtualService, "vip" | "vlan">;

/** An address that the director holds on an interface. */
export interface HeldAddress {
  readonly address: string;
  readonly device: string;
}

export interface Guarded {
  /** Interface of the VIPs. */
  readonly device: string;
  /** Further interfaces to keep the VIPs away from: nothing that arrives there is for the director. */
  readonly uplinks: readonly string[];
  readonly vips: readonly GuardedVip[];
  /** What proofs are made from. */
  readonly probes: readonly HeldAddress[];
}

/** The chains for what is to be guarded, one for each interface that the host has. */
export function guardChains(
  { device, uplinks, vips, probes }: Guarded,
  links: readonly Link[],
): GuardChain[] {
  const addressesOf = new Map<string, Set<string>>(
    [device, ...uplinks].filter((name) => links.some((link) => link.name === name))
      .map((name) => [name, new Set()]),
  );
  const cover = (name: string, address: string) => {
    const addresses = addressesOf.get(name) ?? new Set();
    if (links.some((link) => link.name === name)) addressesOf.set(name, addresses.add(address));
  };
  for (const { vip, vlan } of vips) {
    cover(vlan === null ? device : vlanDevice(vip, device, links), vip);
    for (const uplink of uplinks) cover(uplink, vip);
  }
  for (const { address, device } of probes) cover(device, address);
  return [...addressesOf].map(([name, addresses]) => ({ device: name, addresses: [...addresses] }));
}

/** The host's interface in the VLAN of a VIP. Without one, the director's own may drop it as well as the kernel does. */
function vlanDevice(vip: string, device: string, links: readonly Link[]): string {
  const others = links.filter(({ name, mac }) => name !== device && mac !== null);
  return linkOfSubnet(others, vip)?.name ?? device;
}
