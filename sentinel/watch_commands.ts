/**
 * What to type on the host of an alarm, whose interfaces and programs are not known here: the commands find out there.
 * They are for sh(1) and root, and need nothing of lvsdr.
 *
 * @module
 */

import { addressBits, type AddressFamily, familyOf } from "../model/ip_address.ts";

/** Names and first words of programs that take VIPs over, as an extended regular expression for all of a command line. */
const DIRECTORS = "^([^ ]*/)?(keepalived|ucarp|vrrpd|lvsdr director|deno run .*main\\.ts director)( |$)";

/** Takes a VIP off lo, whatever prefix it has there. */
export function withoutPrefix(vip: string): string {
  return `ip address flush dev lo to ${vip}/${addressBits(familyOf(vip))}`;
}

/**
 * Takes a VIP off every interface. The kernel would remove further addresses of the subnet together with the first, the
 * host's own perhaps (Documentation/networking/ip-sysctl.rst, promote_secondaries); IPv6 knows nothing of the kind.
 */
export function withoutAddress(vip: string): string {
  return removal(vip, familyOf(vip), "");
}

/**
 * The same with several VIPs.
 *
 * @param isSilentFine Whether one may stay on an interface that answers nobody, as lo does, with the prefix of a single
 * address.
 */
export function withoutAddresses(vips: readonly string[], isSilentFine: boolean): string {
  return [...Map.groupBy(vips, familyOf)].map(([family, alike]) => {
    const vip = alike.length === 1 ? alike[0]! : "$vip";
    const isSilent = 'ip link show dev "$dev" | grep -Eq "[<,](LOOPBACK|NOARP)[,>]"';
    const command = removal(
      vip,
      family,
      isSilentFine ? `[ "$address" = ${vip}/${addressBits(family)} ] && ${isSilent} && continue; ` : "",
    );
    return alike.length === 1 ? command : `for vip in ${alike.join(" ")}; do ${command}; done`;
  }).join("; ");
}

/** @param exception Commands that go on with the next address where one may stay. */
function removal(vip: string, family: AddressFamily, exception: string): string {
  const promote = family === 4 ? 'sysctl -w "net/ipv4/conf/$dev/promote_secondaries=1"; ' : "";
  return `ip -o address show to ${vip} | while read -r _ dev _ address _; do ${exception}${promote}` +
    'ip address del "$address" dev "$dev"; done';
}

/**
 * Ends being a proxy where a MAC is heard. Other interfaces are left alone: container networks live by proxies of their
 * own.
 */
export function withoutProxy(vip: string, mac: string): string {
  const settings = familyOf(vip) === 4
    ? ["net/ipv4/conf/$dev/proxy_arp", "net/ipv4/conf/$dev/proxy_arp_pvlan"]
    : ["net/ipv6/conf/$dev/proxy_ndp"];
  const devices = `ip -br link | awk '$3 == "${mac}" { sub("@.*", "", $1); print $1 }'`;
  return `for dev in all $(${devices}); do sysctl -w ${
    settings.map((setting) => `"${setting}=0"`).join(" ")
  }; done`;
}

/**
 * Ends whatever takes VIPs over in the network namespace of the shell, by the unit of systemd(1) that it is the main process
 * of, if any, and waits until it has ended; then takes the VIP off interfaces. On a host without the MAC, which the command
 * is not for, it does nothing.
 */
export function withoutDirector(vip: string, mac: string): string {
  // The children of one that was stopped have ended with it.
  const unit =
    "[ -d /proc/$pid ] || continue; unit=$(sed -n 's,.*/\\([^/]*\\.service\\)$,\\1,p' /proc/$pid/cgroup | head -n 1)";
  const isMain = '[ -n "$unit" ] && [ "$(systemctl show -p MainPID --value "$unit")" = $pid ]';
  const wait = "timeout 9 tail --pid=$pid -f /dev/null";
  return `ip -br link | grep ${mac} && { for pid in $(pgrep --ns $$ --nslist net -f '${DIRECTORS}'); do ${unit}; ` +
    `if ${isMain}; then systemctl stop "$unit"; else kill $pid; fi; ${wait}; done; ${withoutAddress(vip)}; }`;
}
