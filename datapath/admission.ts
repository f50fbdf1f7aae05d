/**
 * Who may open a connection to a service: the networks it allows and denies, and how many connections a second one
 * source may open. Asked only when a connection is about to be made: those that are known go on, whatever becomes of
 * the rules.
 *
 * @module
 */

import type { Prefix } from "../model/config.ts";
import { addressBits, addressWords, familyOf, IPV4_MAPPED, prefixMask } from "../model/ip_address.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import type { ServiceData } from "./messages.ts";

/** Turns the order of unsigned words into that of signed ones, which V8 compares without making objects. */
const SIGN = 0x80000000;

/** Networks, as ranges of addresses that neither overlap nor touch. */
export class ClientNetworks {
  /** Four words for the first address of each range, then four for the last. */
  readonly #bounds: Int32Array;
  readonly #ranges: number;

  constructor(prefixes: readonly Prefix[]) {
    const bounds: number[] = [];
    // Of those that begin with the same address, the widest comes first.
    const ranges = prefixes.map(rangeOf).sort((one, other) =>
      compare(one, 0, other, 0) || compare(other, 4, one, 4)
    );
    for (const range of ranges) {
      // Of two networks that have an address in common, one holds the other.
      const isHeld = bounds.length > 0 && compare(range, 4, bounds, bounds.length - 4) <= 0;
      if (!isHeld) bounds.push(...range);
    }
    this.#bounds = Int32Array.from(bounds);
    this.#ranges = bounds.length / 8;
  }

  get isEmpty(): boolean {
    return this.#ranges === 0;
  }

  /** Whether an address, given as four words, is in one of the networks. Cost: a binary search. Hot path. */
  has(address: Uint32Array): boolean {
    let low = 0;
    let high = this.#ranges;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#order(address, middle * 8) < 0) high = middle;
      else low = middle + 1;
    }
    return low > 0 && this.#order(address, low * 8 - 4) <= 0;
  }

  /** Negative, 0 or positive as an address is before, at or behind the bound at `at`. */
  #order(address: Uint32Array, at: number): number {
    for (let word = 0; word < 4; word++) {
      const one = (address[word]! ^ SIGN) | 0;
      const other = this.#bounds[at + word]!;
      if (one !== other) return one < other ? -1 : 1;
    }
    return 0;
  }
}

function rangeOf({ address, length }: Prefix): number[] {
  const mask = prefixMask(length + 128 - addressBits(familyOf(address)));
  const first = addressWords(address).map((word, index) => (word & mask[index]!) ^ SIGN);
  const last = first.map((word, index) => (word ^ ~mask[index]!) | 0);
  return [...first, ...last];
}

function compare(one: readonly number[], from: number, other: readonly number[], otherFrom: number): number {
  for (let word = 0; word < 4; word++) {
    const difference = one[from + word]! - other[otherFrom + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Which clients may use a service at all. */
export class ClientRules {
  readonly #allow: ClientNetworks;
  readonly #deny: ClientNetworks;

  constructor({ allow, deny }: Pick<ServiceData, "allow" | "deny">) {
    this.#allow = new ClientNetworks(allow);
    this.#deny = new ClientNetworks(deny);
  }

  /** Whether a client, given as four words, is kept out. Hot path. */
  denies(client: Uint32Array): boolean {
    return this.#deny.has(client) || (!this.#allow.isEmpty && !this.#allow.has(client));
  }
}

const SETS = 16_384;
const PLACES_PER_SET = 4;
const PLACES = SETS * PLACES_PER_SET;
/** What a connection counts, so that what a source gets back in a millisecond is a whole number. */
const CONNECTION = 1_000;
/** Time in which a source gets back all that it may have at once. */
const WINDOW_MS = 1_000;

/**
 * How much each source has of late: one token bucket for each source and service, which holds as many connections as a
 * second may bring. A source is an IPv4 address or an IPv6 /64, within which a host takes addresses as it likes
 * (RFC 8981).
 *
 * The memory is fixed: 65,536 buckets of 22 bytes, in sets of four that a keyed hash chooses. A source that finds none
 * free in its set takes the place of the one that has used the smallest part of its limit, which then begins anew. So
 * a source at its limit is forgotten only when three others of its set, which nobody can choose, are as close to
 * theirs, or for a limit of 1 when they came later: to make it forgotten takes connections from so many other sources,
 * each of which could have opened its own instead. In a flood from more sources than that, none is over its limit.
 */
export class SourceLimits {
  readonly #hash: KeyedHash;
  /** Two words of each source. */
  readonly #sources = new Int32Array(PLACES * 2);
  /** Identity of the service; 0 means that nobody has the place. */
  readonly #services = new Uint16Array(PLACES);
  /** What the source had, at the time below. */
  readonly #used = new Int32Array(PLACES);
  /** When that was, milliseconds modulo 2^32. */
  readonly #atMs = new Int32Array(PLACES);
  /** Connections a second of the service then. */
  readonly #limits = new Int32Array(PLACES);

  constructor(hash: KeyedHash) {
    this.#hash = hash;
  }

  /** An independent table with the same content. */
  copy(): SourceLimits {
    const copy = new SourceLimits(this.#hash);
    this.copyTo(copy);
    return copy;
  }

  /** Gives a {@linkcode copy} the content that is here now. */
  copyTo(copy: SourceLimits): void {
    copy.#sources.set(this.#sources);
    copy.#services.set(this.#services);
    copy.#used.set(this.#used);
    copy.#atMs.set(this.#atMs);
    copy.#limits.set(this.#limits);
  }

  /**
   * Counts a new connection of a client if its source may have it. Hot path.
   *
   * @param client Four words.
   * @param service Identity of the service.
   * @param perSecond Its limit, at least 1.
   */
  admits(client: Uint32Array, service: number, perSecond: number, nowMs: number): boolean {
    const high = sourceHigh(client);
    const low = sourceLow(client);
    const first = this.#firstPlace(high, low, service);
    let place = this.#find(first, high, low, service);
    if (place < 0) {
      place = this.#placeFor(first, nowMs);
      this.#sources[place * 2] = high;
      this.#sources[place * 2 + 1] = low;
      this.#services[place] = service;
      this.#used[place] = 0;
      this.#limits[place] = perSecond;
    }
    // Before the limit becomes that of a table adopted since: it was another one until now.
    const used = this.#usedBy(place, nowMs);
    this.#limits[place] = perSecond;
    this.#atMs[place] = nowMs | 0;
    const isAdmitted = used + CONNECTION <= perSecond * CONNECTION;
    this.#used[place] = isAdmitted ? used + CONNECTION : used;
    return isAdmitted;
  }

  /** New connections that a client's source may open at this moment; arguments as for {@linkcode admits}. */
  left(client: Uint32Array, service: number, perSecond: number, nowMs: number): number {
    const high = sourceHigh(client);
    const low = sourceLow(client);
    const place = this.#find(this.#firstPlace(high, low, service), high, low, service);
    const used = place < 0 ? 0 : this.#usedBy(place, nowMs);
    return Math.max(0, Math.floor((perSecond * CONNECTION - used) / CONNECTION));
  }

  #firstPlace(high: number, low: number, service: number): number {
    return (this.#hash.ofThree(high, low, service) & (SETS - 1)) * PLACES_PER_SET;
  }

  #find(first: number, high: number, low: number, service: number): number {
    for (let place = first; place < first + PLACES_PER_SET; place++) {
      if (
        this.#services[place] === service && this.#sources[place * 2 + 1] === low &&
        this.#sources[place * 2] === high
      ) return place;
    }
    return -1;
  }

  /** A place that nobody has or needs, else that of the source which is the soonest to need it no more. */
  #placeFor(first: number, nowMs: number): number {
    let best = first;
    let bestShare = Infinity;
    for (let place = first; place < first + PLACES_PER_SET; place++) {
      if (this.#services[place] === 0) return place;
      const share = this.#usedBy(place, nowMs) / this.#limits[place]!;
      if (share < bestShare) {
        best = place;
        bestShare = share;
      }
    }
    return best;
  }

  #usedBy(place: number, nowMs: number): number {
    const elapsedMs = (nowMs - this.#atMs[place]!) | 0;
    // Less than nothing: longer ago than 24 days.
    if (elapsedMs < 0 || elapsedMs >= WINDOW_MS) return 0;
    return Math.max(0, this.#used[place]! - elapsedMs * this.#limits[place]!);
  }
}

/** An IPv4 address has no other words, and no service has clients of both families. */
function sourceHigh(client: Uint32Array): number {
  return isIpv4(client) ? 0 : client[0]! | 0;
}

function sourceLow(client: Uint32Array): number {
  return isIpv4(client) ? client[3]! | 0 : client[1]! | 0;
}

function isIpv4(client: Uint32Array): boolean {
  return client[0] === 0 && client[1] === 0 && client[2] === IPV4_MAPPED;
}
