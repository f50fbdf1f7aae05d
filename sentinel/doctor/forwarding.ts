/**
 * Whether a host forwards what is not for it.
 *
 * @module
 */

import type { SysctlKey } from "../../host/sysctl.ts";
import type { AddressFamily } from "../../model/ip_address.ts";

/**
 * The variable that decides about packets of a family that arrive on an interface. Of IPv4 it is the interface's own:
 * `ip_forward` sets that of every interface, but it can be set by itself before and after. Of IPv6 that one only makes
 * the host a router in the eyes of its neighbours.
 *
 * @param device `null` if it is not known.
 */
export function forwardingKey(
  sysctls: ReadonlyMap<SysctlKey, string>,
  family: AddressFamily,
  device: string | null,
): SysctlKey {
  if (family === 6) return "net/ipv6/conf/all/forwarding";
  const own: SysctlKey = `net/ipv4/conf/${device}/forwarding`;
  return sysctls.has(own) ? own : "net/ipv4/ip_forward";
}

/** Whether what arrives on an interface is forwarded. */
export function isForwarding(
  sysctls: ReadonlyMap<SysctlKey, string>,
  family: AddressFamily,
  device: string | null,
): boolean {
  return (sysctls.get(forwardingKey(sysctls, family, device)) ?? "0") !== "0";
}
