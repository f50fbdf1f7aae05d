/**
 * Taking a VIP off the interfaces that have it, and keeping their other addresses: unless it is told otherwise, the
 * kernel removes further addresses of a subnet together with the first (Documentation/networking/ip-sysctl.rst,
 * promote_secondaries).
 *
 * @module
 */

import { shellCommand } from "../host/command.ts";
import { addressesLike, type Link } from "../host/links.ts";
import { sysctlName } from "../host/sysctl.ts";
import { isInPrefix } from "../model/ip_address.ts";

/** An interface that has a VIP, and with which prefix. */
export interface Holder {
  readonly link: Link;
  readonly prefixLength: number;
}

/** Where a VIP is. */
export function holdersOf(vip: string, links: readonly Link[]): Holder[] {
  return links.flatMap((link) =>
    addressesLike(link, vip).filter(({ address }) => address === vip)
      .map(({ prefixLength }) => ({ link, prefixLength }))
  );
}

/** The command that takes a VIP off one interface, in words. */
export function removalWords(vip: string, { link, prefixLength }: Holder): string[] {
  return ["ip", "address", "delete", `${vip}/${prefixLength}`, "dev", link.name];
}

/** Commands that take a VIP off interfaces and leave their other addresses. */
export function removalCommands(vip: string, holders: readonly Holder[]): string[] {
  return [
    ...promotionCommands(vip, [...new Set(holders.map(({ link }) => link))]),
    ...holders.map((holder) => shellCommand(removalWords(vip, holder))),
  ];
}

/** Commands to type before a VIP is removed; none if that takes no other address along. */
export function promotionCommands(vip: string, links: readonly Link[]): string[] {
  return links.filter((link) => isFirstOfSubnet(vip, link)).map(({ name }) =>
    `sysctl -w ${sysctlName(`net/ipv4/conf/${name}/promote_secondaries`)}=1`
  );
}

/** Whether an interface had the VIP before other addresses of its subnet, which the kernel may remove with it. */
export function isFirstOfSubnet(vip: string, { addresses }: Link): boolean {
  return addresses.filter(({ address }) => address === vip).some((held) => {
    const ofSubnet = addresses.filter(({ address, prefixLength }) =>
      prefixLength === held.prefixLength && isInPrefix(address, vip, prefixLength)
    );
    return ofSubnet.length > 1 && ofSubnet[0] === held;
  });
}
