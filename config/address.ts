/**
 * Addresses of hosts as an operator writes them: any spelling on input, one canonical text for each in the model.
 *
 * @module
 */

import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { addressBits, type AddressFamily, familyOf, ipv4ToText, isInPrefix } from "../model/ip_address.ts";
import { quote, type Reading, refused, understood } from "./reading.ts";

const ONE_HOST = "use the address of one host";

/** Ranges nobody can be served at (RFC 6890 §2.2, RFC 5771 §3, RFC 4291 §2.4); network, prefix length, why not. */
const UNUSABLE = [
  ["0.0.0.0", 8, `it is an address of "this network" (0.0.0.0/8), ${ONE_HOST}`],
  ["127.0.0.0", 8, `it is a loopback address, ${ONE_HOST}`],
  ["224.0.0.0", 4, `it is a multicast address, ${ONE_HOST}`],
  ["255.255.255.255", 32, `it is the broadcast address, ${ONE_HOST}`],
  ["::", 128, `it is the unspecified address, ${ONE_HOST}`],
  ["::1", 128, `it is a loopback address, ${ONE_HOST}`],
  ["ff00::", 8, `it is a multicast address, ${ONE_HOST}`],
  [
    "fe80::",
    10,
    "it is a link-local address, which means another host on every link and is never routed to a client, " +
    "use a global or unique local one",
  ],
] as const;

/** What an operator calls a family. */
export function familyName(family: AddressFamily): string {
  return family === 4 ? "IPv4" : "IPv6";
}

/**
 * Reads an address of any kind into its canonical text, for IPv6 that of RFC 5952. IPv4 in IPv6 form is refused.
 *
 * @returns `null` if it is no address, or has a zone.
 */
export function canonicalAddress(text: string): Reading<string> | null {
  const family = isIP(text);
  if (family === 4) return understood(text);
  if (family === 0 || text.includes("%")) return null;
  const address = ipaddr.IPv6.parse(text);
  const { parts } = address;
  if (!address.isIPv4MappedAddress()) return understood(address.toRFC5952String());
  const inside = ipv4ToText(((parts[6]! << 16) | parts[7]!) >>> 0);
  return refused(`Cannot use address ${quote(text)}: it is an IPv4 address in IPv6 form, write ${inside}`);
}

/** Reads the address of one host, IPv4 as four decimal octets, IPv6 in any spelling of RFC 4291 §2.2. */
export function readAddress(text: string): Reading<string> {
  // The zone says nothing about what kind of address it is.
  const reading = canonicalAddress(isIP(text) === 6 ? text.replace(/%.*$/, "") : text);
  if (reading === null) {
    return refused(
      `Cannot read address ${quote(text)}: write an address such as 192.0.2.10 or 2001:db8::10 ` +
        "(no host name, no port, no prefix length, no brackets, no leading zeros in IPv4)",
    );
  }
  if (!reading.ok) return reading;
  const unusable = UNUSABLE.find(([network, length]) => isInPrefix(reading.value, network, length));
  if (unusable !== undefined) return refused(`Cannot use address ${quote(text)}: ${unusable[2]}`);
  if (text.includes("%")) {
    return refused(
      `Cannot use address ${quote(text)}: only link-local addresses have a zone, write ${reading.value}`,
    );
  }
  return reading;
}

/** Reads a virtual IP: an address, bare or with `/32`, for IPv6 `/128`. */
export function readVip(text: string): Reading<string> {
  const slash = text.indexOf("/");
  if (slash === -1) return readAddress(text);
  const address = readAddress(text.slice(0, slash));
  if (!address.ok) return address;
  const family = familyOf(address.value);
  if (text.slice(slash + 1) === String(addressBits(family))) return address;
  const danger = family === 4
    ? "a shorter prefix than /32 answers ARP for the whole subnet"
    : "a shorter prefix than /128 takes the whole subnet for its own";
  return refused(
    `Cannot use VIP ${quote(text)}: a VIP is one address, and a real server that holds ${danger}, ` +
      `write ${address.value}`,
  );
}
