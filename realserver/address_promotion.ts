/**
 * Keeping an interface's other addresses when a VIP is taken off it: unless it is told otherwise, the kernel removes
 * further addresses of a subnet together with the first (Documentation/networking/ip-sysctl.rst, promote_secondaries).
 *
 * @module
 */

import type { Link } from "../host/links.ts";
import { sysctlName } from "../host/sysctl.ts";
import { isInPrefix } from "../model/ip_address.ts";

/** Commands to type before a VIP is removed; none if that takes no other address along. */
export function promotionCommands(vip: string, links: readonly Link[]): string[] {
  return links.filter((link) => isFirstOfSubnet(vip, link)).map(({ name }) =>
    `sysctl -w ${sysctlName(`net/ipv4/conf/${name}/promote_secondaries`)}=1`
  );
}

/** Whether an interface had the VIP before other addresses of its subnet, which the kernel may remove with it. */
export function isFirstOfSubnet(vip: string, { addresses }: Link): boolean {
  const held = addresses.find(({ address }) => address === vip);
  if (held === undefined) return false;
  const ofSubnet = addresses.filter(({ address, prefixLength }) =>
    prefixLength === held.prefixLength && isInPrefix(address, vip, prefixLength)
  );
  return ofSubnet.length > 1 && ofSubnet[0] === held;
}
