/**
 * Where a verification looks from: an interface on the link of the real servers.
 *
 * @module
 */

import { type Link, linkOfSubnet, subnetAddress } from "../host/links.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { Subnet } from "./probe_address.ts";
import { NOBODY } from "./wire.ts";

export interface Vantage {
  readonly link: Link & { readonly mac: string };
  /** The subnet that all real servers are in. */
  readonly subnet: Subnet;
  /** An address of this host in it that is no VIP, or `NOBODY`. */
  readonly senderAddress: string;
}

/**
 * Finds the interface.
 *
 * @param servers Addresses of the real servers, at least one.
 * @param name Interface to use; `null` means the one whose subnet holds the real servers.
 * @throws {OperatorError} If there is none, it cannot be used, or the real servers are not all in one subnet of it.
 */
export function findVantage(
  links: readonly Link[],
  servers: readonly string[],
  vips: ReadonlySet<string>,
  name: string | null,
): Vantage {
  const self = servers.find((server) =>
    links.some(({ addresses }) => addresses.some((own) => own.address === server))
  );
  if (self !== undefined) {
    throw new OperatorError(`Real server ${self} is this host itself`, ExitCode.UNAVAILABLE, {
      remedy: "Run it on the director, or on another host of the link: a host does not ask itself by ARP",
    });
  }
  const link = name === null ? linkOfSubnet(links, servers[0]!) : named(links, name);
  if (link === null) {
    throw new OperatorError(
      `Real server ${servers[0]} is in no subnet of this host`,
      ExitCode.UNAVAILABLE,
      { remedy: "Run it on the director, or on another host of the real servers' link" },
    );
  }
  const { mac } = link;
  if (mac === null || link.isLoopback) {
    throw new OperatorError(`Interface "${link.name}" is no Ethernet interface`, ExitCode.UNAVAILABLE, {
      remedy: "Name the one on the link of the real servers: --interface IF",
    });
  }
  if (!link.isUp) {
    throw new OperatorError(`Interface "${link.name}" is down`, ExitCode.UNAVAILABLE, {
      remedy: `ip link set ${link.name} up`,
    });
  }
  return { link: { ...link, mac }, ...subnetOf(link, servers, vips) };
}

function named(links: readonly Link[], name: string): Link {
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return link;
  throw new OperatorError(`There is no interface "${name}"`, ExitCode.UNAVAILABLE, {
    remedy: `This host has ${links.map((candidate) => candidate.name).join(", ")}: --interface IF`,
  });
}

function subnetOf(
  link: Link,
  servers: readonly string[],
  vips: ReadonlySet<string>,
): Pick<Vantage, "subnet" | "senderAddress"> {
  const subnet = subnetAddress(link, servers[0]!);
  const usable = link.addresses.filter(({ address }) => !vips.has(address));
  const sender = subnetAddress({ ...link, addresses: usable }, servers[0]!);
  for (const server of servers) {
    const own = subnetAddress(link, server);
    if (own !== null && own.prefixLength === subnet?.prefixLength && own.address === subnet.address) continue;
    throw new OperatorError(
      `Real server ${server} is not in ${
        subnet === null
          ? `a subnet of ${link.name}`
          : `the subnet ${subnet.address}/${subnet.prefixLength} of ${link.name}`
      }`,
      ExitCode.UNAVAILABLE,
      {
        remedy: "Verify services whose real servers share a subnet one by one: lvsdr verify -c FILE SERVICE",
      },
    );
  }
  return { subnet: subnet!, senderAddress: sender?.address ?? NOBODY };
}
