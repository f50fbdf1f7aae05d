/**
 * Where a director is attached to the network: the interface VIP traffic arrives on, the one each real server is
 * reached by, and whether the cluster the configuration describes can work there.
 *
 * @module
 */

import { type EthernetLink, ethernetLink, namedLink } from "../host/ethernet_link.ts";
import { addressesLike, type Link, type LinkAddress, linkOfSubnet } from "../host/links.ts";
import type { Route } from "../host/routes.ts";
import { type Config, type RealServer, vipsOf } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { isInPrefix } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";

/** The interface of the VIPs, and the way to the real servers. */
export interface Attachment extends EthernetLink {
  /** Every interface in use: that of the VIPs, then those that other real servers are reached by, if there are any. */
  readonly interfaces: readonly EthernetLink[];
  /** Interface that each real server is reached by, by its address. */
  readonly uplinks: ReadonlyMap<string, EthernetLink>;
}

/** What is wrong with a real server. */
interface Problem {
  readonly what: string;
  readonly remedy: string;
}

/**
 * Finds the interfaces for a configuration.
 *
 * @param routes The kernel's routes to the real servers, by address; see {@linkcode routedServers}.
 * @throws {OperatorError} If there is none for the VIPs, if it cannot be used, or if a real server cannot be reached
 * from it.
 */
export function attach(
  config: Config,
  links: readonly Link[],
  routes: ReadonlyMap<string, Route>,
): Attachment {
  const link = usable(
    config.director.interface === null ? linkOfVips(config, links) : namedLink(
      links,
      config.director.interface,
      (names) => `Correct director.interface; this host has ${names}`,
    ),
  );
  const vips = new Set(vipsOf(config));
  const uplinks = new Map<string, EthernetLink>();
  for (const { name, servers } of config.services) {
    for (const { address, vlan } of servers) {
      const route = routes.get(address);
      // What the host knows of its own untagged subnets says nothing about one in a VLAN.
      const problem = vlan === null
        ? problemOfServer(address, links, vips, route)
        : problemOfTaggedServer(address, links);
      if (problem !== null) {
        throw new OperatorError(
          `Real server ${address} of service "${name}" ${problem.what}`,
          ExitCode.CONFIG,
          { remedy: problem.remedy },
        );
      }
      uplinks.set(address, vlan === null ? uplinkOf(route!.device, link, links) : link);
    }
  }
  const further = [...uplinks.values()].filter(({ index }) => index !== link.index);
  const interfaces = [link, ...new Map(further.map((uplink) => [uplink.index, uplink])).values()];
  return { ...link, interfaces, uplinks };
}

/** Number of the interface, in the order of an attachment, that a real server is reached by. */
export function egressOf(
  { interfaces, uplinks }: Attachment,
  { address }: Pick<RealServer, "address">,
): number {
  const uplink = uplinks.get(address);
  return uplink === undefined ? 0 : interfaces.findIndex(({ index }) => index === uplink.index);
}

/** Addresses of real servers whose routes {@linkcode attach} needs. */
export function routedServers(config: Config): string[] {
  return config.services.flatMap(({ servers }) =>
    servers.filter(({ vlan }) => vlan === null).map(({ address }) => address)
  );
}

/** The interface that the kernel reaches a real server by. */
function uplinkOf(device: string, link: EthernetLink, links: readonly Link[]): EthernetLink {
  if (device === link.name) return link;
  const uplink = links.find(({ name }) => name === device);
  if (uplink !== undefined) {
    return usable(uplink, "Direct routing needs an Ethernet link to every real server");
  }
  // It has gone since the links were read.
  throw new OperatorError(`Interface "${device}" is gone`, ExitCode.UNAVAILABLE, { remedy: "See `ip link`" });
}

function usable(
  link: Link,
  remedy = "Set director.interface to the one that VIP traffic arrives on",
): EthernetLink {
  return ethernetLink(link, { exitCode: ExitCode.CONFIG, remedy });
}

function linkOfVips(config: Config, links: readonly Link[]): Link {
  const found = new Map<string, Link>();
  for (const { vip, vlan } of config.services) {
    // The subnet of a VLAN is on an interface of its own, which sees the frames without their tags.
    if (vlan !== null) continue;
    const link = linkOfSubnet(links, vip);
    if (link === null) {
      throw new OperatorError(
        `VIP ${vip} is in no subnet of this host: ${subnetsText(links)}`,
        ExitCode.CONFIG,
        {
          remedy: "Correct the VIP, or set director.interface if a router sends its traffic here",
        },
      );
    }
    found.set(link.name, link);
  }
  if (found.size === 0) {
    throw new OperatorError("All VIPs are in VLANs, which name no interface", ExitCode.CONFIG, {
      remedy: "Set director.interface to the one that their tagged frames arrive on",
    });
  }
  if (found.size > 1) {
    throw new OperatorError(
      `The VIPs are in subnets of several interfaces (${[...found.keys()].join(", ")}); a director uses one`,
      ExitCode.CONFIG,
      {
        remedy: "Set director.interface, or run one director for each interface with a --run-dir of its own",
      },
    );
  }
  return [...found.values()][0]!;
}

function problemOfServer(
  address: string,
  links: readonly Link[],
  vips: ReadonlySet<string>,
  route: Route | undefined,
): Problem | null {
  if (route?.isLocal) return THIS_HOST;
  if (isInPrefix(address, "fe80::", 10)) {
    return {
      what: "is a link-local address, which says nothing without an interface",
      remedy: "Give it an address of a wider scope: the host's other IPv6 addresses are in ip -6 address",
    };
  }
  if (route === undefined || !route.isOnLink) {
    return {
      what: `is on no link of this host (${subnetsText(links)})`,
      remedy:
        "Direct routing changes MAC addresses only, so a real server must share a link with the director",
    };
  }
  // What it answers to a VIP is kept away from this host, health checks would all fail.
  if (route.source !== null && vips.has(route.source)) {
    return {
      what: `is reached from ${route.source}, which is a VIP`,
      remedy: `Give ${route.device} an address of its own in that subnet and remove the VIP from it: ` +
        "a director needs no VIP on its interface",
    };
  }
  return null;
}

function problemOfTaggedServer(address: string, links: readonly Link[]): Problem | null {
  const isOwn = links.some((link) => addressesLike(link, address).some((held) => held.address === address));
  return isOwn ? THIS_HOST : null;
}

const THIS_HOST: Problem = {
  what: "is this host itself",
  remedy: "Remove it: a director cannot be a real server of its own services in this version",
};

function subnetsText(links: readonly Link[]): string {
  const isTelling = ({ scope }: LinkAddress) => scope !== "link";
  const subnets = links.filter((link) => !link.isLoopback).flatMap((link) =>
    [...link.addresses, ...link.ipv6Addresses].filter(isTelling)
      .map(({ address, prefixLength }) => `${link.name} ${address}/${prefixLength}`)
  );
  return subnets.length === 0 ? "no addresses" : subnets.join(", ");
}
