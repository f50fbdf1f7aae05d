/** What the director tests share: configurations, read by the real parser, and a host to use them on. */

import { parseConfig } from "../../config/parse_config.ts";
import { type Link, linkHolding, linkOfSubnet, parseLinks, subnetAddress } from "../../host/links.ts";
import type { Route } from "../../host/routes.ts";
import type { Config } from "../../model/config.ts";

export const MAC = "02:00:00:00:00:02";

/** Two services: `web` with three servers, one of them quiesced, and `dns`. */
export const CLUSTER = `
services:
  - name: web
    vip: 192.0.2.10
    protocol: tcp
    ports: [80, 443]
    scheduler: wrr
    slow_start: 10s
    persistence: { timeout: 5m, netmask: 24 }
    on_server_loss: drop
    servers:
      - { address: 192.0.2.21, weight: 30 }
      - { address: 192.0.2.22, weight: 1, max_connections: 100, min_connections: 80 }
      - { address: 192.0.2.23, weight: 0 }
  - name: dns
    vip: 192.0.2.11
    protocol: udp
    port: 53
    scheduler: rr
    health: none
    servers:
      - { address: 192.0.2.21 }
`;

/** The configuration a text says. */
export function config(text = CLUSTER): Config {
  return parseConfig(text, "cluster.yaml");
}

/** An Ethernet interface that is up, as ip(8) reports it. */
export function link(name: string, addresses: readonly string[], changes: Partial<Link> = {}): Link {
  const report = {
    ifname: name,
    ifindex: 2,
    flags: ["BROADCAST", "UP"],
    mtu: 1500,
    address: MAC,
    addr_info: addresses.map((text) => {
      const [local, prefixlen] = text.split("/");
      return {
        family: local!.includes(":") ? "inet6" : "inet",
        local,
        prefixlen: Number(prefixlen),
        scope: local!.startsWith("fe80:") ? "link" : "global",
      };
    }),
  };
  return { ...parseLinks(JSON.stringify([report]))[0]!, ...changes };
}

export const LOOPBACK = link("lo", ["127.0.0.1/8"], { index: 1, mac: "00:00:00:00:00:00", isLoopback: true });

/** Routes to the real servers of a configuration, as the kernel makes them of the subnets of these interfaces. */
export function routesOver(links: readonly Link[], { services }: Config): Map<string, Route> {
  const routes = new Map<string, Route>();
  for (const { address } of services.flatMap(({ servers }) => servers)) {
    const link = linkOfSubnet(links, address);
    if (linkHolding(links, address) !== null) {
      routes.set(address, { device: "lo", isLocal: true, isOnLink: false, source: address });
    } else if (link !== null) {
      const source = subnetAddress(link, address)!.address;
      routes.set(address, { device: link.name, isLocal: false, isOnLink: true, source });
    }
  }
  return routes;
}
