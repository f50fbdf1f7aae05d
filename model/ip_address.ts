/**
 * IP and MAC addresses between text and the numbers the datapath compares.
 *
 * @module
 */

/** An address as four big-endian 32-bit words in host order; IPv4 as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2). */
export type AddressWords = readonly [number, number, number, number];

/** Third word of an IPv4 address written as an IPv6 one. */
export const IPV4_MAPPED = 0x0000ffff;

/** Number of a canonical IPv4 address, for example 0xc000020a for `192.0.2.10`. */
export function ipv4FromText(text: string): number {
  return text.split(".").reduce((number, octet) => (number << 8) | Number(octet), 0) >>> 0;
}

/** Dotted text of an IPv4 address number. */
export function ipv4ToText(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Words of a canonical IPv4 address. */
export function addressWords(text: string): AddressWords {
  return [0, 0, IPV4_MAPPED, ipv4FromText(text)];
}

/** Whether `address` lies in `network/prefixLength`; all three are IPv4. */
export function isInSubnet(address: number, network: number, prefixLength: number): boolean {
  const mask = prefixLength === 0 ? 0 : (-1 << (32 - prefixLength)) >>> 0;
  return ((address ^ network) & mask) === 0;
}

/** A MAC address as its first two and last four bytes, both numbers in host order. */
export interface Mac {
  readonly high: number;
  readonly low: number;
}

/** Splits `aa:bb:cc:dd:ee:ff`. */
export function macFromText(text: string): Mac {
  const bytes = text.split(":").map((byte) => parseInt(byte, 16));
  const high = (bytes[0]! << 8) | bytes[1]!;
  const low = ((bytes[2]! << 24) | (bytes[3]! << 16) | (bytes[4]! << 8) | bytes[5]!) >>> 0;
  return { high, low };
}

/** `aa:bb:cc:dd:ee:ff`. */
export function macToText(mac: Mac): string {
  const digits = mac.high.toString(16).padStart(4, "0") + mac.low.toString(16).padStart(8, "0");
  return digits.match(/../g)!.join(":");
}
