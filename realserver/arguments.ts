/**
 * What `--vip`, `--port` and `--protocol` mean.
 *
 * @module
 */

import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import type { Protocol } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { ipv4FromText, ipv4ToText } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { Binding, VirtualAddress } from "./target.ts";

/** A `--port`: `80`, or `80:8080` for port 80 of the VIP and port 8080 of this host. */
export interface PortArgument {
  readonly port: number;
  /** `null` means the same. */
  readonly localPort: number | null;
}

/**
 * Virtual addresses of the command line.
 *
 * @throws {OperatorError} If a VIP is no unicast address or has a prefix other than /32, for IPv6 /128, or if one port
 * is to be handed to two.
 */
export function virtualAddressesFromArguments(
  vips: readonly string[],
  ports: readonly PortArgument[],
  protocol: Protocol,
): VirtualAddress[] {
  const bindings = bindingsOf(ports, protocol);
  return [...new Set(vips.map(parseVip))].map((vip) => ({ vip, realServerAddress: null, bindings }));
}

function bindingsOf(ports: readonly PortArgument[], protocol: Protocol): Binding[] {
  const localPorts = new Map<number, number | null>();
  for (const { port, localPort } of ports) {
    const effective = localPort === port ? null : localPort;
    if (localPorts.has(port) && localPorts.get(port) !== effective) {
      throw new OperatorError(`Cannot hand port ${port} to two ports of this host`, ExitCode.USAGE, {
        remedy: `Give --port ${port}... once`,
      });
    }
    localPorts.set(port, effective);
  }
  const sorted = [...localPorts].toSorted(([a], [b]) => a - b);
  const range = (port: number) => ({ first: port, last: port });
  const same = sorted.filter(([, localPort]) => localPort === null).map(([port]) => range(port));
  const translated = sorted.filter(([, localPort]) => localPort !== null);
  return [
    ...(same.length === 0 ? [] : [{ protocol, ports: same, localPort: null }]),
    ...translated.map(([port, localPort]) => ({ protocol, ports: [range(port)], localPort })),
  ];
}

function parseVip(text: string): string {
  const [address = "", prefix] = text.split("/");
  if (isIPv6(address)) return parseIpv6Vip(text, address, prefix);
  const isUsable = isIPv4(address) && !/^(0|127|22[4-9]|2[3-5]\d)\./.test(address);
  if (!isUsable || (prefix !== undefined && !/^([1-9]|[12]\d|3[012])$/.test(prefix))) throw noUnicast(text);
  if (prefix !== undefined && prefix !== "32") {
    const mask = (-1 << (32 - Number(prefix))) >>> 0;
    const network = ipv4ToText((ipv4FromText(address) & mask) >>> 0);
    throw new OperatorError(
      `Cannot use VIP "${text}": with that prefix this host would answer ARP for all of ${network}/${prefix}`,
      ExitCode.USAGE,
      { remedy: `Use --vip ${address}, which means ${address}/32` },
    );
  }
  return address;
}

function parseIpv6Vip(text: string, address: string, prefix: string | undefined): string {
  // A zone such as %eth0 belongs to link-local addresses, which cannot be VIPs.
  const range = address.includes("%") ? "linkLocal" : ipaddr.IPv6.parse(address).range();
  const isUnicast = !["unspecified", "loopback", "linkLocal", "multicast", "ipv4Mapped"].includes(range);
  if (!isUnicast || (prefix !== undefined && !/^([1-9]|[1-9]\d|1[01]\d|12[0-8])$/.test(prefix))) {
    throw noUnicast(text);
  }
  const canonical = ipaddr.IPv6.parse(address).toRFC5952String();
  if (prefix !== undefined && prefix !== "128") {
    const network = ipaddr.IPv6.networkAddressFromCIDR(`${address}/${prefix}`).toRFC5952String();
    throw new OperatorError(
      `Cannot use VIP "${text}": with that prefix this host would take all of ${network}/${prefix} for its own link`,
      ExitCode.USAGE,
      { remedy: `Use --vip ${canonical}, which means ${canonical}/128` },
    );
  }
  return canonical;
}

function noUnicast(text: string): OperatorError {
  return new OperatorError(`Cannot use VIP "${text}": it is no unicast address`, ExitCode.USAGE, {
    remedy: "Give it like --vip 192.0.2.10 or --vip 2001:db8::10",
  });
}
