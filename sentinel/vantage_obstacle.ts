/**
 * Why a real server cannot be looked at from this host, and what helps: the operator of a running director types other
 * commands than whoever runs `lvsdr verify`, who may also go to another host or name an interface.
 *
 * @module
 */

import { type EthernetLink, ethernetLink, namedLink } from "../host/ethernet_link.ts";
import type { Link } from "../host/links.ts";
import { makeVlanCommand, vlanInterfaceName } from "../host/vlan_interface.ts";
import { ExitCode } from "../model/exit_code.ts";
import { familyOf } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { Asker, ServerPlace, VantageChoice } from "./vantage_choice.ts";

/** Whatever address the operator has for an interface. */
const ADDRESS = "ip address add ADDRESS/PREFIX dev";

/** A real server has an address of this host. */
export function isThisHost(server: string, asker: Asker): OperatorError {
  return new OperatorError(`Real server ${server} is this host itself`, ExitCode.UNAVAILABLE, {
    remedy: asker === "director"
      ? "Remove it: a director cannot be a real server of its own services in this version"
      : "Run it on the director, or on another host of the link: a host does not ask itself",
  });
}

/**
 * The interface that was named.
 *
 * @throws {OperatorError} If there is none.
 */
export function onlyLink(links: readonly Link[], name: string): Link {
  return namedLink(links, name, (names) => `This host has ${names}: --interface IF`);
}

/**
 * An interface that can be looked from.
 *
 * @throws {OperatorError} If it is none of Ethernet, or down.
 */
export function usableLink(link: Link, asker: Asker): EthernetLink {
  return ethernetLink(link, {
    exitCode: ExitCode.UNAVAILABLE,
    remedy: asker === "director"
      ? `Give an Ethernet interface on the link of the real servers an address of their subnet: ${ADDRESS} IF`
      : "Name the one on the link of the real servers: --interface IF",
  });
}

/** No interface that may be used has a subnet with a real server. */
export function notOnLink(
  links: readonly Link[],
  { address: server, vlan }: ServerPlace,
  { only, director, asker }: VantageChoice,
): OperatorError {
  if (only !== null) {
    return unavailable(`Real server ${server} is not in a subnet of ${only}`, elsewhere(asker, "IF"));
  }
  // The configuration may be used on a host that has other interfaces.
  const device = links.some(({ name }) => name === director) ? director! : "IF";
  if (vlan !== null) return notInVlan(links, server, vlan, device);
  const message = `Real server ${server} is in no subnet of this host`;
  const downs = familyOf(server) === 4 ? [] : links.filter(({ isUp, hasArp }) => !isUp && hasArp);
  if (downs.length === 0) return unavailable(message, elsewhere(asker, device));
  // Linux takes the IPv6 addresses of an interface away that is set down: it cannot be told which had the subnet.
  const names = downs.map(({ name }) => name);
  const name = names.length === 1 ? names[0]! : "IF";
  return unavailable(
    `${message}, and ${names.join(", ")} ${names.length === 1 ? "is" : "are"} down`,
    `ip link set ${name} up; ${ADDRESS} ${name}`,
  );
}

function elsewhere(asker: Asker, device: string): string {
  return asker === "director"
    ? `Give this host an address of its subnet: ${ADDRESS} ${device}`
    : "Run it on the director, or on another host of the real servers' link, with an address in their subnet";
}

function notInVlan(links: readonly Link[], server: string, vlan: number, device: string): OperatorError {
  const message = `Real server ${server} is in VLAN ${vlan}, where this host has no address of its subnet`;
  // By its name alone: what is in the VLAN and called otherwise is not known.
  const known = links.find(({ name }) => name === `${device}.${vlan}` || name === `vlan${vlan}`);
  if (known === undefined) {
    const name = vlanInterfaceName(device, vlan, links);
    const make = makeVlanCommand(device, vlan, links);
    return unavailable(message, `Give the host one: ${make}; ip link set ${name} up; ${ADDRESS} ${name}`);
  }
  const { name, isUp } = known;
  return isUp
    ? unavailable(message, `Give the host one: ${ADDRESS} ${name}`)
    : unavailable(`${message}, and ${name} is down`, `ip link set ${name} up; ${ADDRESS} ${name}`);
}

function unavailable(message: string, remedy: string): OperatorError {
  return new OperatorError(message, ExitCode.UNAVAILABLE, { remedy });
}
