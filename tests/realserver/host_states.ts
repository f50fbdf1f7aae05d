/**
 * Host states to plan on, built from the few facts that matter to a test.
 *
 * @module
 */

import type { Link, LinkAddress } from "../../host/links.ts";
import type { HostState } from "../../realserver/host_state.ts";
import type { Target } from "../../realserver/target.ts";

export const VIP = "192.0.2.10";
export const REAL_SERVER_ADDRESS = "192.0.2.21";

/** An interface with addresses given as `192.0.2.21/24`. */
export function link(name: string, ...addresses: string[]): Link {
  return {
    name,
    index: name === "lo" ? 1 : 2,
    mac: "02:00:00:00:00:01",
    mtu: 1500,
    isUp: true,
    isLoopback: name === "lo",
    hasArp: !["lo", "dummy0"].includes(name),
    addresses: heldAddresses(addresses.filter((text) => !text.includes(":"))),
    ipv6Addresses: heldAddresses(addresses.filter((text) => text.includes(":"))),
  };
}

function heldAddresses(texts: readonly string[]): LinkAddress[] {
  return texts.map((text) => {
    const [address, prefix] = text.split("/");
    return { address: address!, prefixLength: Number(prefix), scope: "global" };
  });
}

/** A fresh host with lo and eth0 and every ARP sysctl 0, except for what is given. */
export function hostState(changes: Partial<HostState> = {}): HostState {
  const links = changes.links ?? [link("lo", "127.0.0.1/8"), link("eth0", `${REAL_SERVER_ADDRESS}/24`)];
  return {
    links,
    defaultRouteDevice: null,
    sysctls: sysctls(
      Object.fromEntries(["all", ...links.map(({ name }) => name)].map((name) => [name, [0, 0]])),
    ),
    areSysctlsWritable: true,
    programs: new Set(["nft", "arptables"]),
    nftTables: new Map(),
    earlierTranslations: [],
    arptablesRules: new Map(),
    hasArptablesTable: false,
    arptablesTableFlags: "",
    iptablesRules: new Map(),
    localRoutes: new Set(),
    ...changes,
  };
}

/** `arp_ignore`, `arp_announce` and, if given, `rp_filter` per interface. */
export function sysctls(values: Readonly<Record<string, readonly number[]>>): Map<string, string> {
  return new Map(
    Object.entries(values).flatMap(([device, [ignore, announce, reversePath]]) => [
      [`net/ipv4/conf/${device}/arp_ignore`, String(ignore)] as const,
      [`net/ipv4/conf/${device}/arp_announce`, String(announce)] as const,
      ...(reversePath === undefined
        ? []
        : [[`net/ipv4/conf/${device}/rp_filter`, String(reversePath)] as const]),
    ]),
  );
}

/** A VIP on eth0 with port 80, except for what is given. */
export function target(changes: Partial<Target> = {}): Target {
  return {
    vip: VIP,
    realServerAddress: REAL_SERVER_ADDRESS,
    device: "eth0",
    deviceIndex: 2,
    bindings: [{ protocol: "tcp", ports: [{ first: 80, last: 80 }], localPort: null }],
    ...changes,
  };
}
