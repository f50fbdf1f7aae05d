/**
 * Addresses, netmasks and listening addresses as an operator writes them.
 *
 * @module
 */

import { isIP } from "node:net";
import type { ListenAddress } from "../model/config.ts";
import { ipv4FromText, isInPrefix } from "../model/ip_address.ts";
import { quote, type Reading, refused, understood } from "./reading.ts";

/** Ranges nobody can be reached at (RFC 6890 §2.2.2, RFC 5771 §3); network, prefix length, what it is. */
const UNUSABLE = [
  ["0.0.0.0", 8, `an address of "this network" (0.0.0.0/8)`],
  ["127.0.0.0", 8, "a loopback address"],
  ["224.0.0.0", 4, "a multicast address"],
  ["255.255.255.255", 32, "the broadcast address"],
] as const;

const IPV6_REFUSED = "IPv6 services are not supported by this version yet, use an IPv4 address";

/** Whether a canonical IPv4 address is one of 127.0.0.0/8. */
export function isLoopback(address: string): boolean {
  return isInPrefix(address, "127.0.0.0", 8);
}

/** Reads the IPv4 address of one host. Only the canonical form is understood: four decimal octets. */
export function readAddress(text: string): Reading<string> {
  const family = isIP(text.replace(/^\[(.*)\]$/, "$1").replace(/\/\d+$/, ""));
  if (family === 6) return refused(`Cannot use address ${quote(text)}: ${IPV6_REFUSED}`);
  if (isIP(text) !== 4) {
    return refused(
      `Cannot read address ${quote(text)}: write an IPv4 address such as 192.0.2.10 ` +
        "(no host name, no port, no prefix length, no leading zeros)",
    );
  }
  const unusable = UNUSABLE.find(([network, length]) => isInPrefix(text, network, length));
  if (unusable !== undefined) {
    return refused(`Cannot use address ${quote(text)}: it is ${unusable[2]}, use the address of one host`);
  }
  return understood(text);
}

/** Reads a virtual IP: an IPv4 address, bare or with `/32`. */
export function readVip(text: string): Reading<string> {
  const slash = text.indexOf("/");
  if (slash === -1) return readAddress(text);
  const address = readAddress(text.slice(0, slash));
  if (!address.ok) return address;
  const prefix = text.slice(slash + 1);
  if (prefix === "32") return address;
  return refused(
    `Cannot use VIP ${
      quote(text)
    }: a VIP is one address, and a real server that holds a shorter prefix than /32 ` +
      `answers ARP for the whole subnet, write ${address.value}`,
  );
}

/**
 * Reads a netmask in dotted form or as a prefix length in text.
 *
 * @returns Prefix length, 1 to 32.
 */
export function readNetmask(text: string): Reading<number> {
  const prefix = /^[1-9][0-9]?$/.test(text) ? Number(text) : isIP(text) === 4 ? dottedPrefix(text) : null;
  if (prefix === null || prefix > 32) {
    return refused(
      `Cannot read netmask ${
        quote(text)
      }: write a prefix length from 1 to 32 or a mask such as 255.255.255.0`,
    );
  }
  return understood(prefix);
}

function dottedPrefix(mask: string): number | null {
  const bits = ipv4FromText(mask).toString(2).padStart(32, "0");
  return /^1+0*$/.test(bits) ? bits.lastIndexOf("1") + 1 : null;
}

/** Reads `ADDRESS:PORT`, or `off` as `null`. The address may be 0.0.0.0: every address of the host. */
export function readListen(text: string): Reading<ListenAddress | null> {
  if (text === "off") return understood(null);
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, Math.max(colon, 0));
  const portText = text.slice(colon + 1);
  const port = Number(portText);
  if (isIP(host.replace(/^\[(.*)\]$/, "$1")) === 6 || isIP(text) === 6) {
    return refused(
      `Cannot listen on ${quote(text)}: IPv6 is not supported by this version yet, use an IPv4 address`,
    );
  }
  if (isIP(host) !== 4 || !/^[1-9][0-9]{0,4}$/.test(portText) || port > 65_535) {
    return refused(
      `Cannot listen on ${
        quote(text)
      }: write ADDRESS:PORT such as 127.0.0.1:8480, 0.0.0.0:8480 for every address, ` +
        "or off",
    );
  }
  return understood({ host, port });
}
