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
  if (reading === null) return refused(`Cannot read address ${quote(text)}: ${addressRemedy(text)}`);
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

/** The address that was meant by what is none, if it can be told. */
function addressRemedy(text: string): string {
  const bare = text.trim().replace(/^\[(.*)\]$/, "$1");
  const [, host = "", suffix = ""] = /^(.*?)(\/[0-9.]*|:[0-9]*|\]:[0-9]*)$/.exec(bare) ?? [];
  const inside = host.replace(/^\[/, "");
  for (
    const [address, why] of [[bare, ""], [inside, suffix.startsWith("/") ? PREFIX_LESS : PORT_LESS]] as const
  ) {
    if (canonicalAddress(address)?.ok) return `write ${address}${why}`;
  }
  if (/^[0-9]+(\.[0-9]+){3}$/.test(bare)) {
    const large = bare.split(".").find((octet) => Number(octet) > 255);
    return large === undefined
      ? `write ${bare.split(".").map(Number).join(".")}, zeros in front mean another number to some programs`
      : `${large} is more than 255, write an address such as 192.0.2.10`;
  }
  if (/^[0-9.]+$/.test(bare)) return "write four numbers with dots between them, such as 192.0.2.10";
  return HOST_NAME.test(bare)
    ? `it is a host name, write its address, which this tells: getent ahosts ${bare}`
    : "write an address such as 192.0.2.10 or 2001:db8::10";
}

const PREFIX_LESS = " without a prefix length";
const PORT_LESS = " without a port";
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

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
