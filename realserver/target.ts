/**
 * Which virtual IPs this host has to accept, for which ports, and on which interface their traffic arrives. From the
 * cluster configuration the host finds itself by its own addresses.
 *
 * @module
 */

import {
  addressesLike,
  hostPrefixLength,
  type Link,
  linkHolding,
  linkOfSubnet,
  subnetAddress,
} from "../host/links.ts";
import { type AddressFamily, familyOf } from "../model/ip_address.ts";
import { type Config, type PortRange, type Protocol, serverAddresses } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError, OperatorError } from "../model/operator_error.ts";

/** Ports of a VIP that clients use. */
export interface Binding {
  readonly protocol: Protocol;
  readonly ports: readonly PortRange[];
  /** Port of this host that gets the traffic of the only port; `null` means the same ports. */
  readonly localPort: number | null;
}

/** A virtual IP and what is asked for on it. */
export interface VirtualAddress {
  readonly vip: string;
  /** Own address of this host by which the director knows it; `null` if not known. */
  readonly realServerAddress: string | null;
  /** Empty if nobody said; only the redirect method needs them. */
  readonly bindings: readonly Binding[];
}

/** A virtual IP and its place on this host. */
export interface Target extends VirtualAddress {
  /** Interface its traffic arrives on. */
  readonly device: string;
  /** Number of that interface, which stays when it is renamed. */
  readonly deviceIndex: number;
  /** Interfaces that had the VIP before the role changed anything, as they were; absent until it does. */
  readonly holdersAtStart?: readonly Link[];
}

/**
 * Virtual addresses of the services that have this host among their servers.
 *
 * @throws {OperatorError} If no service has.
 */
export function virtualAddressesFromConfig(config: Config, links: readonly Link[]): VirtualAddress[] {
  const found = new Map<string, VirtualAddress>();
  for (const { vip, protocol, ports, servers } of config.services) {
    const own = servers.find((server) => linkHolding(links, server.address) !== null);
    if (own === undefined) continue;
    const earlier = found.get(vip);
    found.set(vip, {
      vip,
      realServerAddress: earlier?.realServerAddress ?? own.address,
      bindings: [...(earlier?.bindings ?? []), { protocol, ports, localPort: own.port }],
    });
  }
  if (found.size > 0) return [...found.values()];
  const servers = new Set(serverAddresses(config));
  const local = links.filter((link) => !link.isLoopback).flatMap(({ addresses, ipv6Addresses }) => [
    ...addresses,
    ...ipv6Addresses.filter(({ scope }) => scope === "global"),
  ]);
  throw new OperatorError(
    `Cannot find this host among the servers of the configuration: it has ${
      local.map(({ address }) => address).join(", ") || "no address"
    }, the configuration lists ${[...servers].join(", ")}`,
    ExitCode.CONFIG,
    { remedy: "Add this host's address under servers, or name VIPs with --vip" },
  );
}

/**
 * Finds the interface of each virtual address: `wantedDevice` if given, else the one that has the address the
 * director knows, else the one whose subnet holds the VIP, else that of the default route.
 *
 * @throws {HostError} If there is no such interface.
 */
export function locateTargets(
  addresses: readonly VirtualAddress[],
  links: readonly Link[],
  devices: {
    readonly wanted: string | null;
    readonly ofDefaultRoute: (version: AddressFamily) => string | null;
  },
): Target[] {
  const vips = new Set(addresses.map(({ vip }) => vip));
  return addresses.map((address) => {
    const link = devices.wanted !== null
      ? requireLink(links, devices.wanted)
      : linkOfTarget(address, links, devices.ofDefaultRoute(familyOf(address.vip)));
    const realServerAddress = address.realServerAddress ?? ownAddress(link, address.vip, vips);
    return { ...address, realServerAddress, device: link.name, deviceIndex: link.index };
  });
}

/** The targets with the present names of their interfaces, which may have been renamed. */
export function followTargets(targets: readonly Target[], links: readonly Link[]): Target[] {
  return targets.map((target) => ({ ...target, device: presentName(target, links) }));
}

/** The targets with the interfaces that have their VIPs, for a role that is about to change the host. */
export function rememberHolders(targets: readonly Target[], links: readonly Link[]): Target[] {
  return targets.map((target) => ({
    ...target,
    holdersAtStart: links.filter((link) =>
      addressesLike(link, target.vip).some(({ address }) => address === target.vip)
    ),
  }));
}

function presentName({ device, deviceIndex }: Target, links: readonly Link[]): string {
  // One that was taken out and put back has a new number, and its old name unless another one has it now.
  return links.find((link) => link.index === deviceIndex)?.name ?? device;
}

/**
 * Narrows targets to those that have an own address to ask ARP questions with.
 *
 * @throws {HostError} If one has not.
 */
export function assertOwnAddresses(
  targets: readonly Target[],
): asserts targets is readonly (Target & { readonly realServerAddress: string })[] {
  const without = targets.find(({ realServerAddress }) => realServerAddress === null);
  if (without === undefined) return;
  throw new HostError(
    `--interface ${without.device}`,
    `Interface "${without.device}" has no IPv4 address of its own to ask ARP questions with`,
    ExitCode.UNAVAILABLE,
    { remedy: "Give it one, choose another --interface, or use --method loopback" },
  );
}

function requireLink(links: readonly Link[], name: string): Link {
  const link = links.find((link) => link.name === name && !link.isLoopback);
  if (link !== undefined) return link;
  const others = links.filter((link) => !link.isLoopback).map((link) => link.name).join(", ");
  throw new HostError(
    `--interface ${name}`,
    links.some((link) => link.name === name)
      ? `Cannot use interface "${name}": no VIP traffic arrives on loopback`
      : `Interface "${name}" does not exist`,
    ExitCode.UNAVAILABLE,
    { remedy: `Choose one of: ${others || "none, this host has only loopback"}` },
  );
}

function linkOfTarget(address: VirtualAddress, links: readonly Link[], defaultDevice: string | null): Link {
  const nics = links.filter((link) => !link.isLoopback);
  const link = (address.realServerAddress !== null ? linkHolding(links, address.realServerAddress) : null) ??
    linkOfSubnet(links, address.vip) ??
    links.find((link) => link.name === defaultDevice && !link.isLoopback) ??
    linkHolding(nics, address.vip) ??
    (familyOf(address.vip) === 6 && nics.length === 1 ? nics[0] : undefined);
  if (link) return link;
  throw new HostError(
    `--vip ${address.vip}`,
    `Cannot tell on which interface traffic for ${address.vip} arrives: no interface has an address of its subnet`,
    ExitCode.UNAVAILABLE,
    { remedy: "Name the interface with --interface" },
  );
}

/** The address by which a director on `link` would know this host, or `null` if it has none. */
function ownAddress(link: Link, vip: string, vips: ReadonlySet<string>): string | null {
  const own = addressesLike(link, vip).filter((held) => !vips.has(held.address));
  const held = subnetAddress({ ...link, addresses: own, ipv6Addresses: own }, vip) ??
    own.find(({ prefixLength }) => prefixLength < hostPrefixLength(vip)) ?? own[0];
  return held?.address ?? null;
}
