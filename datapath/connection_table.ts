/**
 * The connections of a director: open addressing with linear probing over 32-byte slots, which never straddle a
 * cache line. Removal shifts followers back, so there are no tombstones and lookups stay short for ever.
 *
 * | word | content |
 * | ---- | ------- |
 * | 0–3  | client address, IPv4 as `::ffff:a.b.c.d`; masked in a template |
 * | 4    | client port in the high half, service port in the low; in a template: connections that hold it |
 * | 5    | identity of the VIP (of the service in a template) in the high half, IP protocol in the low; 0 is empty |
 * | 6    | identity of the destination in the high half, {@linkcode HOLDS_TEMPLATE} and state in the low |
 * | 7    | when it expires, milliseconds modulo 2^32 |
 *
 * The memory belongs to the caller and may be a mapped file: word 5 is written last and cleared first, so that a
 * process that dies at any moment leaves whole entries or none.
 *
 * @module
 */

import { isHalfOpen, State } from "./connection_state.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import { IPV4_MAPPED } from "../model/ip_address.ts";

export const NONE = -1;

const SLOT_WORDS = 8;
const PORTS = 4;
const KEY = 5;
const VALUE = 6;
const EXPIRY = 7;

/** Slots for every connection that fits: when all are there a search takes 1.7 probes, an unsuccessful one 3.2. */
const SLOTS_PER_CONNECTION = 7 / 4;
/** Slots of one page of memory. Pages without entries are not swept, so that they never become resident. */
const PAGE_SLOTS = 4096 / (SLOT_WORDS * 4);
/** Slots from that of a new entry on that are searched for one to remove when the table is full. */
const EVICTION_PROBES = 64;
/** More slots that are searched, from where the last search ended. */
const EVICTION_SWEEP = 1024;

const NOTHING_SPARED: ReadonlySet<number> = new Set();

/** Flag of a connection that is counted in the template of its client. */
export const HOLDS_TEMPLATE = 0x100;

/** Key word of templates in place of an IP protocol. */
export const TEMPLATE_PROTOCOL = 0xff;

/** Who must know when an entry goes, whatever the reason. */
export interface ConnectionLedger {
  /** The entry in `slot` is about to be removed and can still be read. */
  released(slot: number): void;
  /** The entry in `slot` has expired: whether it is to be kept, its expiry having been set anew. */
  prolonged(slot: number, nowMs: number): boolean;
}

/** Key word of an entry. */
export function keyWord(identity: number, protocol: number): number {
  return ((identity << 16) | protocol) >>> 0;
}

export class ConnectionTable {
  /** Most entries it holds. */
  readonly maximum: number;
  readonly slotCount: number;
  readonly #words: Uint32Array;
  readonly #hash: KeyedHash;
  readonly #pageUse: Uint16Array;
  #used = 0;
  #sweepAt = 0;
  #evictAt = 0;
  #searchedTo = 0;
  #touched = 0;

  /** Bytes of memory for `maximum` entries: 56 each. */
  static bytesFor(maximum: number): number {
    return ConnectionTable.#slotsFor(maximum) * SLOT_WORDS * 4;
  }

  static #slotsFor(maximum: number): number {
    return Math.ceil(maximum * SLOTS_PER_CONNECTION);
  }

  /**
   * @param words Zeroed memory of {@linkcode bytesFor} bytes.
   * @param maximum Most entries it may hold.
   */
  constructor(words: Uint32Array, maximum: number, hash: KeyedHash) {
    this.maximum = maximum;
    this.slotCount = ConnectionTable.#slotsFor(maximum);
    this.#words = words;
    this.#hash = hash;
    this.#pageUse = new Uint16Array(Math.ceil(this.slotCount / PAGE_SLOTS));
  }

  /** Entries, templates included. */
  get used(): number {
    return this.#used;
  }

  /**
   * Slot of a connection, or {@linkcode NONE}. Valid until the next insertion or removal. Hot path.
   *
   * @param client Four words.
   * @param ports Client port in the high half, service port in the low.
   * @param key See {@linkcode keyWord}.
   */
  recall(client: Uint32Array, ports: number, key: number): number {
    const words = this.#words;
    const a = client[0]!;
    const b = client[1]!;
    const c = client[2]!;
    const d = client[3]!;
    const wantedPorts = ports >>> 0;
    let slot = this.home(client, ports, key);
    for (;;) {
      const at = slot * SLOT_WORDS;
      const found = words[at + KEY]!;
      if (found === 0) return NONE;
      if (
        found === key && words[at + PORTS] === wantedPorts && words[at + 3] === d && words[at + 2] === c &&
        words[at + 1] === b && words[at] === a
      ) return slot;
      slot = slot + 1 === this.slotCount ? 0 : slot + 1;
    }
  }

  /** Slot where the search for a connection begins; arguments as for {@linkcode recall}. Hot path. */
  home(client: Uint32Array, ports: number, key: number): number {
    return this.#home(client[0]! | 0, client[1]! | 0, client[2]! | 0, client[3]! | 0, ports | 0, key | 0);
  }

  /** Reads the first `count` of the slots in `homes`, which brings them into the cache. Hot path. */
  touch(homes: Int32Array, count: number): void {
    const words = this.#words;
    let read = 0;
    for (let index = 0; index < count; index++) read |= words[homes[index]! * SLOT_WORDS + KEY]! | 0;
    // Kept, or the optimiser would find out that nobody needs what is read.
    this.#touched = read;
  }

  /** Slot of a persistence template, or {@linkcode NONE}: like {@linkcode recall}, but word 4 is a counter. */
  recallTemplate(client: Uint32Array, serviceIdentity: number): number {
    const words = this.#words;
    const key = keyWord(serviceIdentity, TEMPLATE_PROTOCOL);
    let slot = this.home(client, 0, key);
    for (;;) {
      const at = slot * SLOT_WORDS;
      const found = words[at + KEY]!;
      if (found === 0) return NONE;
      if (
        found === key && words[at] === client[0] && words[at + 1] === client[1] &&
        words[at + 2] === client[2] &&
        words[at + 3] === client[3]
      ) return slot;
      slot = slot + 1 === this.slotCount ? 0 : slot + 1;
    }
  }

  /**
   * Adds an entry that is not there yet. When the table is full a half-open entry makes room or, if there is none
   * at hand, a template that no connection holds; never another.
   *
   * @param state State, and {@linkcode HOLDS_TEMPLATE} if it does.
   * @returns Its slot, or {@linkcode NONE} if there is no room.
   */
  insert(
    client: Uint32Array,
    ports: number,
    key: number,
    destination: number,
    state: number,
    expiresAtMs: number,
    ledger: ConnectionLedger,
  ): number {
    const isTemplate = (key & 0xff) === TEMPLATE_PROTOCOL;
    const home = this.home(client, isTemplate ? 0 : ports, key);
    if (this.#used >= this.maximum && !this.#evict(home, ledger)) return NONE;
    const words = this.#words;
    let slot = home;
    while (words[slot * SLOT_WORDS + KEY] !== 0) slot = slot + 1 === this.slotCount ? 0 : slot + 1;
    const at = slot * SLOT_WORDS;
    words[at] = client[0]!;
    words[at + 1] = client[1]!;
    words[at + 2] = client[2]!;
    words[at + 3] = client[3]!;
    words[at + PORTS] = ports;
    words[at + VALUE] = (destination << 16) | state;
    words[at + EXPIRY] = expiresAtMs;
    words[at + KEY] = key;
    this.#used += 1;
    this.#pageUse[(slot / PAGE_SLOTS) | 0]! += 1;
    return slot;
  }

  /**
   * How many entries could be added one after the other, at least: a template that only the connection held which
   * makes room for the first is not taken to make room for the second. Nothing changes by that.
   *
   * @param homes Where the search for each begins, see {@linkcode home}.
   * @param kept Slots of entries that none of them may replace.
   */
  roomFor(homes: readonly number[], kept: readonly number[]): number {
    const spared = new Set(kept);
    let free = this.maximum - this.#used;
    let sweepAt = this.#evictAt;
    for (const [added, home] of homes.entries()) {
      if (free-- > 0) continue;
      const slot = this.#evictable(home, sweepAt, spared);
      if (slot === NONE) return added;
      sweepAt = this.#searchedTo;
      spared.add(slot);
    }
    return homes.length;
  }

  /** Identity of the destination of an entry. Hot path. */
  destination(slot: number): number {
    return this.#words[slot * SLOT_WORDS + VALUE]! >>> 16;
  }

  /** State of an entry. Hot path. */
  state(slot: number): number {
    return this.#words[slot * SLOT_WORDS + VALUE]! & 0xff;
  }

  /** Whether the connection is counted in a template. */
  holdsTemplate(slot: number): boolean {
    return (this.#words[slot * SLOT_WORDS + VALUE]! & HOLDS_TEMPLATE) !== 0;
  }

  /** Key word of an entry; 0 if the slot is empty. */
  key(slot: number): number {
    return this.#words[slot * SLOT_WORDS + KEY]!;
  }

  /** Ports of a connection; of a template the connections that hold it. */
  ports(slot: number): number {
    return this.#words[slot * SLOT_WORDS + PORTS]!;
  }

  /** Sets how many connections hold a template. */
  setHolders(slot: number, holders: number): void {
    this.#words[slot * SLOT_WORDS + PORTS] = holders;
  }

  /** The first slot from `slot` on that has an entry, or {@linkcode NONE}. Pages without entries are not read. */
  nextUsed(slot: number): number {
    while (slot < this.slotCount) {
      if (this.#pageUse[(slot / PAGE_SLOTS) | 0] === 0) slot += PAGE_SLOTS - slot % PAGE_SLOTS;
      else if (this.key(slot) !== 0) return slot;
      else slot += 1;
    }
    return NONE;
  }

  /** Copies the client address of an entry. */
  readClient(slot: number, into: Uint32Array): void {
    const at = slot * SLOT_WORDS;
    for (let word = 0; word < 4; word++) into[word] = this.#words[at + word]!;
  }

  /** Milliseconds until an entry expires. */
  remainingMs(slot: number, nowMs: number): number {
    return (this.#words[slot * SLOT_WORDS + EXPIRY]! - nowMs) | 0;
  }

  /** Sets the state of an entry and when it expires. Hot path. */
  update(slot: number, state: number, expiresAtMs: number): void {
    const at = slot * SLOT_WORDS;
    this.#words[at + VALUE] = (this.#words[at + VALUE]! & 0xffffff00) | state;
    this.#words[at + EXPIRY] = expiresAtMs;
  }

  /** Gives an entry to another destination. */
  setDestination(slot: number, destination: number): void {
    const at = slot * SLOT_WORDS + VALUE;
    this.#words[at] = (this.#words[at]! & 0xffff) | (destination << 16);
  }

  /** Removes an entry. Other entries may change their slots. */
  remove(slot: number, ledger: ConnectionLedger): void {
    ledger.released(slot);
    const words = this.#words;
    let hole = slot;
    let next = hole;
    for (;;) {
      next = next + 1 === this.slotCount ? 0 : next + 1;
      if (words[next * SLOT_WORDS + KEY] === 0) break;
      // An entry may move back to the hole unless its home lies behind the hole, cyclically.
      const home = this.#homeOf(next);
      const isHomeBehindHole = hole < next ? home > hole && home <= next : home > hole || home <= next;
      if (isHomeBehindHole) continue;
      const to = hole * SLOT_WORDS;
      words[to + KEY] = 0;
      for (let word = 0; word < KEY; word++) words[to + word] = words[next * SLOT_WORDS + word]!;
      words[to + VALUE] = words[next * SLOT_WORDS + VALUE]!;
      words[to + EXPIRY] = words[next * SLOT_WORDS + EXPIRY]!;
      words[to + KEY] = words[next * SLOT_WORDS + KEY]!;
      hole = next;
    }
    words[hole * SLOT_WORDS + KEY] = 0;
    this.#used -= 1;
    this.#pageUse[(hole / PAGE_SLOTS) | 0]! -= 1;
  }

  /**
   * Removes expired entries in the next `slots` slots; successive calls go round the table. Pages without entries
   * cost next to nothing.
   */
  sweep(nowMs: number, slots: number, ledger: ConnectionLedger): void {
    let left = Math.min(slots, this.slotCount);
    let slot = this.#sweepAt;
    while (left > 0) {
      if (this.#pageUse[(slot / PAGE_SLOTS) | 0] === 0) {
        const skipped = Math.min(PAGE_SLOTS - (slot % PAGE_SLOTS), this.slotCount - slot);
        slot += skipped;
        left -= skipped;
      } else if (this.#isExpired(slot, nowMs) && !ledger.prolonged(slot, nowMs)) {
        // A follower may have moved into this slot: look at it again.
        this.remove(slot, ledger);
        continue;
      } else {
        slot += 1;
        left -= 1;
      }
      if (slot >= this.slotCount) slot = 0;
    }
    this.#sweepAt = slot;
  }

  #isExpired(slot: number, nowMs: number): boolean {
    const at = slot * SLOT_WORDS;
    return this.#words[at + KEY] !== 0 && ((nowMs - this.#words[at + EXPIRY]!) | 0) >= 0;
  }

  #evict(home: number, ledger: ConnectionLedger): boolean {
    const slot = this.#evictable(home, this.#evictAt, NOTHING_SPARED);
    this.#evictAt = this.#searchedTo;
    if (slot === NONE) return false;
    this.remove(slot, ledger);
    return true;
  }

  /**
   * Slot of the entry that makes room for one whose search begins at `home`, or {@linkcode NONE}. Where the search has
   * ended is in `#searchedTo` then.
   *
   * @param sweepAt Where the last search ended.
   */
  #evictable(home: number, sweepAt: number, spared: ReadonlySet<number>): number {
    let template = NONE;
    let slot = home;
    this.#searchedTo = sweepAt;
    for (let probe = 0; probe < EVICTION_PROBES + EVICTION_SWEEP; probe++) {
      if (probe === EVICTION_PROBES) slot = sweepAt;
      const next = slot + 1 === this.slotCount ? 0 : slot + 1;
      if (probe >= EVICTION_PROBES) this.#searchedTo = next;
      if (this.key(slot) !== 0 && !spared.has(slot)) {
        const state = this.state(slot);
        if (isHalfOpen(state)) return slot;
        // Every address of a flood leaves a template behind, which outlives its half-open connection.
        if (template === NONE && state === State.Template && this.ports(slot) === 0) template = slot;
      }
      slot = next;
    }
    return template;
  }

  #homeOf(slot: number): number {
    const words = this.#words;
    const at = slot * SLOT_WORDS;
    const ports = (words[at + VALUE]! & 0xff) === State.Template ? 0 : words[at + PORTS]!;
    return this.#home(
      words[at]! | 0,
      words[at + 1]! | 0,
      words[at + 2]! | 0,
      words[at + 3]! | 0,
      ports | 0,
      words[at + KEY]! | 0,
    );
  }

  /** Slot where the search for a key begins. The hash is scaled, not masked: any size of table will do. */
  #home(a: number, b: number, c: number, d: number, ports: number, key: number): number {
    const hash = a === 0 && b === 0 && c === IPV4_MAPPED
      ? this.#hash.ofThree(d, ports, key)
      : this.#hash.ofSix(a, b, c, d, ports, key);
    return Math.floor((hash >>> 0) * this.slotCount / 0x1_0000_0000);
  }
}
