/**
 * IP and MAC addresses between text and the numbers the datapath compares.
 *
 * @module
 */

/** An address as four big-endian 32-bit words in host order; IPv4 as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2). */
export type AddressWords = readonly [number, number, number, number];

/** Third word of an IPv4 address written as an IPv6 one. */
export const IPV4_MAPPED = 0x0000ffff;

export type AddressFamily = 4 | 6;

/** Family of a canonical address. */
export function familyOf(text: string): AddressFamily {
  return text.includes(":") ? 6 : 4;
}

/** Bits of an address of a family. */
export function addressBits(family: AddressFamily): number {
  return family === 4 ? 32 : 128;
}

/** Number of a canonical IPv4 address, for example 0xc000020a for `192.0.2.10`. */
export function ipv4FromText(text: string): number {
  return text.split(".").reduce((number, octet) => (number << 8) | Number(octet), 0) >>> 0;
}

/** Dotted text of an IPv4 address number. */
export function ipv4ToText(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Words of a canonical IPv4 or IPv6 address. */
export function addressWords(text: string): AddressWords {
  if (familyOf(text) === 4) return [0, 0, IPV4_MAPPED, ipv4FromText(text)];
  const [head, tail] = text.split("::").map((part) =>
    part === "" ? [] : part.split(":").map((group) => parseInt(group, 16))
  );
  const groups = tail === undefined
    ? head!
    : [...head!, ...new Array<number>(8 - head!.length - tail.length).fill(0), ...tail];
  const word = (index: number) => ((groups[2 * index]! << 16) | groups[2 * index + 1]!) >>> 0;
  return [word(0), word(1), word(2), word(3)];
}

/** Text of address words: dotted for IPv4, as RFC 5952 has it for IPv6. */
export function addressText(words: AddressWords): string {
  if (words[0] === 0 && words[1] === 0 && words[2] === IPV4_MAPPED) return ipv4ToText(words[3]);
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  const run = longestZeroRun(groups);
  const text = (from: number, to: number) =>
    groups.slice(from, to).map((group) => group.toString(16)).join(":");
  return run.length < 2 ? text(0, 8) : `${text(0, run.start)}::${text(run.start + run.length, 8)}`;
}

/** The first of the longest runs of zeros. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end += 1;
    if (end - start > longest.length) longest = { start, length: end - start };
  }
  return longest;
}

/** Whether a canonical address lies in `network/prefixLength`; never if they are of different families. */
export function isInPrefix(address: string, network: string, prefixLength: number): boolean {
  const family = familyOf(network);
  if (familyOf(address) !== family) return false;
  const bits = prefixLength + 128 - addressBits(family);
  const mask = prefixMask(bits);
  const one = addressWords(address);
  const other = addressWords(network);
  return mask.every((word, index) => ((one[index]! ^ other[index]!) & word) === 0);
}

/** Canonical address of the network of `prefixLength` bits that a canonical address is in. */
export function networkAddress(address: string, prefixLength: number): string {
  const [w0, w1, w2, w3] = addressWords(address);
  const [m0, m1, m2, m3] = prefixMask(prefixLength + 128 - addressBits(familyOf(address)));
  return addressText([(w0 & m0) >>> 0, (w1 & m1) >>> 0, (w2 & m2) >>> 0, (w3 & m3) >>> 0]);
}

/** The first `bits` of 128 bits set, as four signed words. */
export function prefixMask(bits: number): [number, number, number, number] {
  const word = (index: number) => {
    const inWord = Math.min(Math.max(bits - index * 32, 0), 32);
    return inWord === 0 ? 0 : -1 << (32 - inWord);
  };
  return [word(0), word(1), word(2), word(3)];
}

/** What a program listens on to be reached at every address of a family that a host has. */
export function unspecifiedAddress(family: AddressFamily): string {
  return family === 4 ? "0.0.0.0" : "::";
}

/** `10.0.0.5` or `[2001:db8::5]`, as in a URL (RFC 3986 §3.2.2). */
export function hostOfUrl(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** `10.0.0.5:80` or `[2001:db8::5]:80`; `ports` may be a port or a word for several. */
export function endpointText(address: string, ports: number | string): string {
  return `${hostOfUrl(address)}:${ports}`;
}

/** Whether a canonical address can only be reached from the host itself. */
export function isLoopback(address: string): boolean {
  return isInPrefix(address, "127.0.0.0", 8) || address === "::1";
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
