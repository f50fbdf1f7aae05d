/**
 * Whether a host forwards what is not for it, by its kernel variables.
 *
 * @module
 */

import type { AddressFamily } from "../model/ip_address.ts";
import type { SysctlKey } from "./sysctl.ts";

/**
 * The variables that have a say about packets of a family that arrive on an interface (Linux
 * Documentation/networking/ip-sysctl), the one of the whole host first. The variable `forwarding` of an interface is none
 * of IPv6's: there it only makes the host a router in the eyes of its neighbours.
 *
 * @param device `null` if it is not known.
 */
export function forwardingKeys(family: AddressFamily, device: string | null): [SysctlKey, SysctlKey] {
  return family === 4
    ? ["net/ipv4/ip_forward", `net/ipv4/conf/${device}/forwarding`]
    // The second one is known to Linux from 6.17 on.
    : ["net/ipv6/conf/all/forwarding", `net/ipv6/conf/${device}/force_forwarding`];
}

/** Those variables because of which what arrives on an interface is forwarded; none if it is not. */
export function forwardingSettings(
  values: ReadonlyMap<SysctlKey, string>,
  family: AddressFamily,
  device: string | null,
): SysctlKey[] {
  const keys = forwardingKeys(family, device);
  const settings = keys.filter((key) => isSet(values, key));
  // `ip_forward` sets that of every interface, which decides, and can be set by itself before and after.
  return family === 4 && values.has(keys[1]) && !settings.includes(keys[1]) ? [] : settings;
}

/** The variable that decides whether what arrives on an interface is forwarded. */
export function forwardingKey(
  values: ReadonlyMap<SysctlKey, string>,
  family: AddressFamily,
  device: string | null,
): SysctlKey {
  const [ofHost, own] = forwardingKeys(family, device);
  const isOwn = family === 4 ? values.has(own) : !isSet(values, ofHost) && isSet(values, own);
  return isOwn ? own : ofHost;
}

/** Whether what arrives on an interface is forwarded. */
export function isForwarding(
  values: ReadonlyMap<SysctlKey, string>,
  family: AddressFamily,
  device: string | null,
): boolean {
  return isSet(values, forwardingKey(values, family, device));
}

function isSet(values: ReadonlyMap<SysctlKey, string>, key: SysctlKey): boolean {
  return (values.get(key) ?? "0") !== "0";
}
