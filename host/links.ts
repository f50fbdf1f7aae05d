/**
 * The host's network interfaces, their addresses and the default route, as ip(8) reports them.
 *
 * @module
 */

import { addressBits, type AddressFamily, familyOf, isInPrefix } from "../model/ip_address.ts";
import { requireCommand } from "./command.ts";

export interface LinkAddress {
  /** Canonical IPv4 or IPv6 address (RFC 5952). */
  readonly address: string;
  readonly prefixLength: number;
  /** For example `global` or `host`. */
  readonly scope: string;
}

/** A network interface. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** `aa:bb:cc:dd:ee:ff`; `null` for an interface without one, for example a tunnel. */
  readonly mac: string | null;
  readonly mtu: number;
  /** Administratively up. */
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  /** Whether it resolves addresses by ARP or Neighbor Discovery: loopback, dummy and tunnel devices do not. */
  readonly hasArp: boolean;
  /** IPv4 only, in the kernel's order: the first is the one the host prefers as source. */
  readonly addresses: readonly LinkAddress[];
  readonly ipv6Addresses: readonly LinkAddress[];
}

interface IpAddressJson {
  readonly ifname?: string;
  readonly ifindex: number;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address?: string;
  readonly addr_info: readonly {
    readonly family?: string;
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/** All interfaces, by index. */
export async function readLinks(): Promise<Link[]> {
  return parseLinks(await requireCommand("ip", ["-json", "address", "show"]));
}

/** Interfaces from the output of `ip -json address show`. */
export function parseLinks(json: string): Link[] {
  const entries = JSON.parse(json) as readonly IpAddressJson[];
  return entries.filter((entry) => entry.ifname !== undefined).map((entry) => ({
    name: entry.ifname!,
    index: entry.ifindex,
    mac: /^([\da-f]{2}:){5}[\da-f]{2}$/.test(entry.address ?? "") ? entry.address! : null,
    mtu: entry.mtu,
    isUp: entry.flags.includes("UP"),
    isLoopback: entry.flags.includes("LOOPBACK"),
    hasArp: !entry.flags.includes("LOOPBACK") && !entry.flags.includes("NOARP"),
    addresses: addressesOf(entry, "inet"),
    ipv6Addresses: addressesOf(entry, "inet6"),
  }));
}

function addressesOf(entry: IpAddressJson, family: "inet" | "inet6"): LinkAddress[] {
  return entry.addr_info.filter((info) => info.family === family).map((info) => ({
    address: info.local,
    prefixLength: info.prefixlen,
    scope: info.scope,
  }));
}

/** The prefix length that means one address: 32, for IPv6 128. */
export function hostPrefixLength(address: string): number {
  return addressBits(familyOf(address));
}

/** The addresses a link has of the family of `address`. */
export function addressesLike(link: Link, address: string): readonly LinkAddress[] {
  return familyOf(address) === 6 ? link.ipv6Addresses : link.addresses;
}

/** Interface of the default route, or `null` if there is none. */
export async function readDefaultRouteDevice(family: AddressFamily): Promise<string | null> {
  const json = await requireCommand("ip", ["-json", `-${family}`, "route", "show", "default"]);
  const routes = JSON.parse(json || "[]") as readonly { readonly dev?: string }[];
  return routes[0]?.dev ?? null;
}

/** The interface that has exactly this address, or `null`. */
export function linkHolding(links: readonly Link[], address: string): Link | null {
  return links.find((link) => addressesLike(link, address).some((held) => held.address === address)) ?? null;
}

/** The interface, loopback aside, with the longest prefix that holds `address` but is not it, or `null`. */
export function linkOfSubnet(links: readonly Link[], address: string): Link | null {
  let best: Link | null = null;
  let longest = -1;
  for (const link of links.filter((link) => !link.isLoopback)) {
    const prefixLength = subnetAddress(link, address)?.prefixLength ?? -1;
    if (prefixLength > longest) [best, longest] = [link, prefixLength];
  }
  return best;
}

/** The address of `link` with the longest prefix that holds `address` but is not it, or `null`. */
export function subnetAddress(link: Link, address: string): LinkAddress | null {
  const holding = addressesLike(link, address).filter((held) =>
    held.address !== address && isInPrefix(address, held.address, held.prefixLength)
  );
  return holding.toSorted((a, b) => b.prefixLength - a.prefixLength)[0] ?? null;
}
