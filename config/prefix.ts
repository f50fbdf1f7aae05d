/**
 * Netmasks and networks of clients as an operator writes them.
 *
 * @module
 */

import { isIP } from "node:net";
import type { Prefix } from "../model/config.ts";
import { addressBits, familyOf, ipv4FromText, networkAddress } from "../model/ip_address.ts";
import { canonicalAddress } from "./address.ts";
import { quote, type Reading, refused, understood } from "./reading.ts";

/**
 * Reads a netmask in dotted form or as a prefix length in text.
 *
 * @returns Prefix length, 1 to 128.
 */
export function readNetmask(text: string): Reading<number> {
  const prefix = /^[1-9][0-9]{0,2}$/.test(text) ? Number(text) : isIP(text) === 4 ? dottedPrefix(text) : null;
  if (prefix === null || prefix > 128) {
    return refused(
      `Cannot read netmask ${quote(text)}: write a prefix length, 1 to 32 for IPv4 and 1 to 128 for IPv6, ` +
        "or a mask such as 255.255.255.0",
    );
  }
  return understood(prefix);
}

/** Whether a netmask is written as a mask, which only IPv4 has. */
export function isDottedMask(netmask: string): boolean {
  return isIP(netmask) === 4;
}

function dottedPrefix(mask: string): number | null {
  const bits = ipv4FromText(mask).toString(2).padStart(32, "0");
  return /^1+0*$/.test(bits) ? bits.lastIndexOf("1") + 1 : null;
}

/** Reads `NETWORK/LENGTH`, or an address alone as the network of that one host. */
export function readPrefix(text: string): Reading<Prefix> {
  const [addressPart = "", lengthText] = text.split(/\/(.*)/s);
  const address = canonicalAddress(addressPart);
  if (address?.ok === false) return address;
  const bits = address === null ? 0 : addressBits(familyOf(address.value));
  const length = lengthText === undefined ? bits : Number(lengthText);
  if (address === null || !/^(0|[1-9][0-9]{0,2})$/.test(String(lengthText ?? bits)) || length > bits) {
    return refused(`Cannot read network ${quote(text)}: ${networkRemedy(text, addressPart, lengthText)}`);
  }
  const network = networkAddress(address.value, length);
  if (network !== address.value) {
    return refused(
      `Cannot use network ${quote(text)}: its address has bits behind /${length}, ` +
        `write ${network}/${length}, or ${address.value} for that one host`,
    );
  }
  return understood({ address: network, length });
}

function networkRemedy(text: string, address: string, length: string | undefined): string {
  if (/^(any|all|\*)$/i.test(text)) return "write 0.0.0.0/0, or ::/0 for IPv6";
  const dotted = isIP(address) === 4 && isIP(length ?? "") === 4 ? dottedPrefix(length!) : null;
  return dotted === null
    ? "write one such as 198.51.100.0/24 or 2001:db8:1::/48, or the address of one host"
    : `write ${networkAddress(address, dotted)}/${dotted}`;
}
