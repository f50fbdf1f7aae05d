/**
 * Where real servers are looked at from: for each, an interface of this host on the server's link.
 *
 * @module
 */

import type { EthernetLink } from "../host/ethernet_link.ts";
import { addressesLike, type Link, linkOfSubnet, subnetAddress } from "../host/links.ts";
import type { Config } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { familyOf } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { NOBODY } from "./frame_writer.ts";
import type { Subnet } from "./probe_address.ts";
import type { ServerPlace, VantageChoice } from "./vantage_choice.ts";
import { isThisHost, notOnLink, onlyLink, usableLink } from "./vantage_obstacle.ts";

/** A subnet of an interface, with the real servers in it. */
export interface Vantage {
  readonly link: EthernetLink;
  /** By this host's own address in it. */
  readonly subnet: Subnet;
  /** An address of this host that is no VIP, or `NOBODY`; what questions come from. */
  readonly senderAddress: string;
  /** Addresses of the real servers, each once. */
  readonly servers: readonly string[];
}

export interface Vantages {
  readonly vantages: readonly Vantage[];
  /** Why this host cannot look at the other real servers, by their addresses. */
  readonly unseen: ReadonlyMap<string, OperatorError>;
}

/** Name of the interface that a director takes by its configuration and the host's subnets; `null` if it cannot be told. */
export function directorDevice({ director, services }: Config, links: readonly Link[]): string | null {
  if (director.interface !== null) return director.interface;
  const untagged = services.find(({ vlan }) => vlan === null);
  return untagged === undefined ? null : linkOfSubnet(links, untagged.vip)?.name ?? null;
}

/**
 * Finds the interfaces.
 *
 * @param vips Addresses no question may come from.
 */
export function findVantages(
  links: readonly Link[],
  servers: readonly ServerPlace[],
  vips: ReadonlySet<string>,
  choice: VantageChoice,
): Vantages {
  const vantages = new Map<string, Vantage & { servers: string[] }>();
  const unseen = new Map<string, OperatorError>();
  for (const server of servers) {
    try {
      const place = placeOf(links, server, vips, choice);
      const key = `${place.link.name} ${place.subnet.address}/${place.subnet.prefixLength}`;
      const known = vantages.get(key) ?? { ...place, servers: [] };
      vantages.set(key, known);
      if (!known.servers.includes(server.address)) known.servers.push(server.address);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      unseen.set(server.address, error);
    }
  }
  return { vantages: [...vantages.values()], unseen };
}

function placeOf(
  links: readonly Link[],
  { address, vlan }: ServerPlace,
  vips: ReadonlySet<string>,
  choice: VantageChoice,
): Omit<Vantage, "servers"> {
  if (links.some((link) => addressesLike(link, address).some((own) => own.address === address))) {
    throw isThisHost(address, choice.asker);
  }
  const link = choice.only !== null
    ? usableLink(onlyLink(links, choice.only), choice.asker)
    : vlan === null
    ? linkOf(links, address, choice.director)
    // The director's own interface has frames tagged for it; the host's subnet in the VLAN is on another one.
    : linkOfSubnet(links.filter(({ name }) => name !== choice.director), address);
  const own = link === null ? null : subnetAddress(link, address);
  if (link === null || own === null) throw notOnLink(links, { address, vlan }, choice);
  const { address: ownAddress, prefixLength } = own;
  return {
    link: usableLink(link, choice.asker),
    subnet: { address: ownAddress, prefixLength },
    senderAddress: senderOf(link, address, vips),
  };
}

/** The director's interface where it has the server's subnet, as others may have it too. */
function linkOf(links: readonly Link[], server: string, director: string | null): Link | null {
  const preferred = links.find(({ name }) => name === director);
  if (preferred !== undefined && subnetAddress(preferred, server) !== null) return preferred;
  return linkOfSubnet(links, server);
}

/** Address to ask a server from. */
function senderOf(link: Link, server: string, vips: ReadonlySet<string>): string {
  const usable = (addresses: Link["addresses"]) => addresses.filter(({ address }) => !vips.has(address));
  const candidates = {
    ...link,
    addresses: usable(link.addresses),
    ipv6Addresses: usable(link.ipv6Addresses),
  };
  const own = subnetAddress(candidates, server);
  if (own !== null) return own.address;
  if (familyOf(server) === 4) return NOBODY;
  // Whoever is asked as nobody over IPv6 tells everybody, who would then believe a thief (RFC 4861 §7.2.4).
  const linkLocal = candidates.ipv6Addresses.find(({ scope }) => scope === "link");
  if (linkLocal !== undefined) return linkLocal.address;
  throw new OperatorError(
    `Interface "${link.name}" has no IPv6 address to ask from that is no VIP`,
    ExitCode.UNAVAILABLE,
    { remedy: `Give it one of its own: ip address add ADDRESS/PREFIX dev ${link.name}` },
  );
}
