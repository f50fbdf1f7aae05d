/**
 * Where a director is attached to the network: the interface VIP traffic arrives on, and whether the cluster the
 * configuration describes can work there.
 *
 * @module
 */

import { type Link, linkOfSubnet, subnetAddress } from "../host/links.ts";
import type { Config } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";

/** An interface frames can be sent and received on. */
export interface Attachment extends Link {
  readonly mac: string;
}

/**
 * Finds the interface for a configuration.
 *
 * @throws {OperatorError} If there is none, if it cannot be used, or if a real server cannot be reached on it.
 */
export function attach(config: Config, links: readonly Link[]): Attachment {
  const link = config.director.interface === null
    ? linkOfVips(config, links)
    : namedLink(config.director.interface, links);
  const { mac } = link;
  if (mac === null || link.isLoopback) {
    throw new OperatorError(`Interface "${link.name}" is no Ethernet interface`, ExitCode.CONFIG, {
      remedy: "Set director.interface to the one that VIP traffic arrives on",
    });
  }
  if (!link.isUp) {
    throw new OperatorError(`Interface "${link.name}" is down`, ExitCode.UNAVAILABLE, {
      remedy: `ip link set ${link.name} up`,
    });
  }
  refuseUnusableServers(config, link);
  return { ...link, mac };
}

function namedLink(name: string, links: readonly Link[]): Link {
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return link;
  throw new OperatorError(`There is no interface "${name}"`, ExitCode.UNAVAILABLE, {
    remedy: `Correct director.interface; this host has ${
      links.map((candidate) => candidate.name).join(", ")
    }`,
  });
}

function linkOfVips(config: Config, links: readonly Link[]): Link {
  const found = new Map<string, Link>();
  for (const { vip } of config.services) {
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

function refuseUnusableServers(config: Config, link: Link): void {
  const vips = new Set(config.services.map(({ vip }) => vip));
  for (const { name, servers } of config.services) {
    for (const { address } of servers) {
      const problem = problemOfServer(address, link, vips);
      if (problem === null) continue;
      throw new OperatorError(
        `Real server ${address} of service "${name}" ${problem.what}`,
        ExitCode.CONFIG,
        { remedy: problem.remedy },
      );
    }
  }
}

function problemOfServer(
  address: string,
  link: Link,
  vips: ReadonlySet<string>,
): { readonly what: string; readonly remedy: string } | null {
  if (link.addresses.some((held) => held.address === address)) {
    return {
      what: "is this host itself",
      remedy: "Remove it: a director cannot be a real server of its own services in this version",
    };
  }
  const own = subnetAddress(link, address);
  if (own === null) {
    return {
      what: `is not on the link of ${link.name} (${subnetsText([link])})`,
      remedy:
        "Direct routing changes MAC addresses only, so a real server must share a link with the director",
    };
  }
  // What it answers to a VIP is kept away from this host, health checks would all fail.
  if (vips.has(own.address)) {
    return {
      what: `is reached from ${own.address}, which is a VIP`,
      remedy: `Give ${link.name} an address of its own in that subnet and remove the VIP from it: ` +
        "a director needs no VIP on its interface",
    };
  }
  return null;
}

function subnetsText(links: readonly Link[]): string {
  const subnets = links.filter((link) => !link.isLoopback).flatMap((link) =>
    link.addresses.map(({ address, prefixLength }) => `${link.name} ${address}/${prefixLength}`)
  );
  return subnets.length === 0 ? "no addresses" : subnets.join(", ");
}
