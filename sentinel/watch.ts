/**
 * The watch over the VIPs of a running director: notices when anybody else says, by ARP or NDP, that it has one.
 *
 * Announcements, and requests with a VIP as sender, are heard by everybody on the link. Answers are not: a switch takes
 * them to who has asked. So the watch asks as well, as any host would, whenever somebody asks for a VIP, and now and
 * then; and whoever has claimed a VIP is asked until it stops to answer. All of it is bounded, however much is heard:
 * what arrives by {@linkcode Wire.step}, what is asked by a number of questions a second, what is kept by a number of
 * MACs.
 *
 * @module
 */

import { familyOf } from "../model/ip_address.ts";
import { EVERYBODY } from "./frame_writer.ts";
import type { NeighborPacket, Packet } from "./packet.ts";
import { type Alarm, type Misdeed, Suspect } from "./watch_suspect.ts";
import type { Conversation, Wire } from "./wire.ts";

/** Time between two questions to everybody for one VIP: the least, and the most. */
const LEAST_QUESTION_INTERVAL_MS = 5_000;
const MOST_QUESTION_INTERVAL_MS = 60_000;
/** A MAC that has claimed a VIP is asked this often at once, then less often for as long as it answers. */
const FIRST_ROUNDS = 3;
const FIRST_INTERVAL_MS = 300;
const LATER_INTERVAL_MS = 1_000;
/** VIPs it has not claimed that it is asked for at first: another director has all of them. */
const OTHER_VIPS = 3;
/** All questions together. */
const QUESTIONS_PER_SECOND = 50;
/** MACs of no real server that are kept; more are answered with an announcement, but not remembered. */
const MOST_STRANGERS = 32;
/** DEFEND_INTERVAL of RFC 5227 §1.1: least time between two announcements of one VIP that answer a claim. */
const DEFEND_INTERVAL_MS = 10_000;
/** Time for which the datapath announces a VIP that is new (resolution_sender.ts). */
const ANNOUNCED_FOR_MS = 4_000;

/** What is watched. */
export interface Watched {
  readonly vips: readonly string[];
  /** A few addresses of each family of VIPs that nobody is known to have. */
  readonly decoys: readonly string[];
  /** An address of this host to ask for another one from, or nobody's; `null` if it cannot be asked for. */
  readonly senderFor: (address: string) => string | null;
}

/** A real server by a MAC. */
export interface KnownServer {
  readonly address: string;
  /** Whether it has had the MAC from the start: whoever answers for everything may have taken its address as well. */
  readonly isCertain: boolean;
}

/** What the watch cannot know. */
export interface WatchOptions {
  /** MACs of this host, those of its other interfaces included. */
  readonly ownMacs: ReadonlySet<string>;
  /** The real server with a MAC, or `null`; of several, one that serves the VIP. */
  readonly serverOf: (mac: string, vip: string | null) => KnownServer | null;
  /** Announces a VIP, once; returns whether there is anything that could. */
  readonly defend: (vip: string) => boolean;
}

interface Investigation {
  readonly suspect: Suspect;
  /** Rounds of questions that are over. */
  rounds: number;
  /** When the next round is due. */
  nextAtMs: number;
  /** Addresses that it is still to be asked for in a round that has begun. */
  unasked: string[];
}

export class Watch implements Conversation {
  readonly isOver = false;
  readonly #options: WatchOptions;
  /** Where questions are asked. */
  #wire: Wire;
  #watched: Watched = { vips: [], decoys: [], senderFor: () => null };
  #vips: ReadonlySet<string> = new Set();
  readonly #investigations = new Map<string, Investigation>();
  /** When everybody may be asked for a VIP again, and when everybody is asked in any case. */
  readonly #questions = new Map<string, { fromMs: number; byMs: number }>();
  readonly #defendedAtMs = new Map<string, number>();
  #defences = 0;
  #allowance = 0;
  /** Whether suspects are asked before everybody is. */
  #areSuspectsFirst = true;
  #tickedAtMs: number | null = null;

  constructor(wire: Wire, options: WatchOptions) {
    this.#wire = wire;
    this.#options = options;
  }

  /** Watches something else from now on, on another wire of the same link. What is known of VIPs that stay is kept. */
  adopt(wire: Wire, watched: Watched, nowMs: number): void {
    this.#wire = wire;
    this.#watched = watched;
    this.#vips = new Set(watched.vips);
    // What is left of a round may be what cannot be asked for from here.
    for (const investigation of this.#investigations.values()) investigation.unasked = [];
    for (const vip of this.#questions.keys()) if (!this.#vips.has(vip)) this.#questions.delete(vip);
    for (const vip of this.#defendedAtMs.keys()) if (!this.#vips.has(vip)) this.#defendedAtMs.delete(vip);
    for (const vip of this.#vips) {
      if (!this.#questions.has(vip)) this.#questions.set(vip, { fromMs: nowMs, byMs: nowMs });
      if (!this.#defendedAtMs.has(vip)) this.#defendedAtMs.set(vip, nowMs + ANNOUNCED_FOR_MS);
    }
  }

  hear(packet: Packet, nowMs: number): void {
    if (packet.kind !== "neighbor" || this.#options.ownMacs.has(packet.senderMac)) return;
    const { operation, senderMac, senderAddress, targetAddress } = packet;
    if (this.#vips.has(senderAddress)) {
      this.#claimed(senderAddress, misdeedOf(packet), senderMac, nowMs);
    } else if (operation === "reply") {
      const isDecoy = this.#watched.decoys.includes(senderAddress);
      if (isDecoy) this.#investigations.get(senderMac)?.suspect.addDecoy(senderAddress);
    } else if (this.#vips.has(targetAddress) && !this.#investigations.has(senderMac)) {
      // Whoever answers this answers us as well. A suspect's own question may be about ours.
      const question = this.#questions.get(targetAddress)!;
      question.byMs = Math.min(question.byMs, Math.max(question.fromMs, nowMs));
    }
  }

  tick(nowMs: number): void {
    const elapsedMs = nowMs - (this.#tickedAtMs ?? nowMs - 1_000);
    this.#tickedAtMs = nowMs;
    this.#allowance = Math.min(
      QUESTIONS_PER_SECOND,
      this.#allowance + elapsedMs * QUESTIONS_PER_SECOND / 1_000,
    );
    for (const [mac, investigation] of this.#investigations) {
      investigation.suspect.forget(this.#vips, nowMs);
      if (investigation.suspect.vips.length === 0) this.#investigations.delete(mac);
    }
    // Whoever has claimed everything would use up the allowance, and nobody else's alarm would begin or end. So those
    // who have not asked, or been asked, for longest come first.
    const allowance = this.#allowance;
    if (this.#areSuspectsFirst) this.#askSuspects(nowMs);
    else this.#askEverybody(nowMs);
    const haveFirstAsked = this.#allowance < allowance;
    if (this.#areSuspectsFirst) this.#askEverybody(nowMs);
    else this.#askSuspects(nowMs);
    if (haveFirstAsked) this.#areSuspectsFirst = !this.#areSuspectsFirst;
  }

  /** Alarms that stand, the oldest first. */
  get alarms(): Alarm[] {
    return [...this.#investigations.values()].flatMap(({ suspect, rounds }) =>
      suspect.alarms((vip) => this.#serverOf(suspect, vip), rounds > FIRST_ROUNDS)
    ).toSorted((one, other) => one.firstMs - other.firstMs);
  }

  /** Times a VIP was announced because of a claim. */
  get defences(): number {
    return this.#defences;
  }

  #claimed(vip: string, misdeed: Misdeed, mac: string, nowMs: number): void {
    let investigation = this.#investigations.get(mac);
    if (investigation === undefined && this.#hasRoomFor(mac)) {
      investigation = { suspect: new Suspect(mac), rounds: 0, nextAtMs: nowMs, unasked: [] };
      this.#investigations.set(mac, investigation);
    }
    investigation?.suspect.add(misdeed, vip, nowMs);
    if (nowMs - this.#defendedAtMs.get(vip)! < DEFEND_INTERVAL_MS || !this.#options.defend(vip)) return;
    this.#defendedAtMs.set(vip, nowMs);
    this.#defences += 1;
  }

  #serverOf({ mac, isForEverything }: Suspect, vip: string): string | null {
    const server = this.#options.serverOf(mac, vip);
    return server === null || (isForEverything && !server.isCertain) ? null : server.address;
  }

  #hasRoomFor(mac: string): boolean {
    const { serverOf } = this.#options;
    if (serverOf(mac, null) !== null) return true;
    const strangers = [...this.#investigations.keys()].filter((known) => serverOf(known, null) === null);
    return strangers.length < MOST_STRANGERS;
  }

  #askEverybody(nowMs: number): void {
    for (const [vip, question] of [...this.#questions]) {
      if (question.byMs > nowMs || !this.#ask(EVERYBODY, vip)) continue;
      question.fromMs = nowMs + LEAST_QUESTION_INTERVAL_MS;
      question.byMs = nowMs + MOST_QUESTION_INTERVAL_MS;
      moveToEnd(this.#questions, vip);
    }
  }

  #askSuspects(nowMs: number): void {
    for (const [mac, investigation] of [...this.#investigations]) {
      if (investigation.nextAtMs > nowMs) continue;
      if (this.#allowance < 1) return;
      this.#investigate(investigation, nowMs);
      moveToEnd(this.#investigations, mac);
    }
  }

  /** Asks a suspect for what is due, as far as the allowance goes. */
  #investigate(investigation: Investigation, nowMs: number): void {
    const { suspect, rounds } = investigation;
    if (investigation.unasked.length === 0) investigation.unasked = this.#questionsFor(investigation);
    const { unasked } = investigation;
    while (unasked.length > 0) {
      if (!this.#ask(suspect.mac, unasked[0]!)) return;
      suspect.addQuestion(unasked.shift()!);
    }
    investigation.rounds = rounds + 1;
    investigation.nextAtMs = nowMs + (rounds < FIRST_ROUNDS ? FIRST_INTERVAL_MS : LATER_INTERVAL_MS);
  }

  /** What a suspect is asked for in a round: what it has claimed and, at first, what it should not have either. */
  #questionsFor({ suspect, rounds }: Investigation): string[] {
    const isFirst = rounds < FIRST_ROUNDS;
    const claimed = isFirst ? suspect.vips : suspect.answeredVips;
    const others = isFirst ? this.#othersThan(claimed) : [];
    return [...claimed, ...others].filter((address) => this.#watched.senderFor(address) !== null);
  }

  #othersThan(claimed: readonly string[]): string[] {
    const families = new Set(claimed.map(familyOf));
    const decoys = this.#watched.decoys.filter((address) => families.has(familyOf(address)));
    return [...decoys, ...this.#watched.vips.filter((vip) => !claimed.includes(vip)).slice(0, OTHER_VIPS)];
  }

  /** Asks for an address, unless there have been too many questions of late. */
  #ask(to: string, targetAddress: string): boolean {
    const senderAddress = this.#watched.senderFor(targetAddress);
    if (senderAddress === null || this.#allowance < 1) return false;
    this.#allowance -= 1;
    this.#wire.ask({ to, senderAddress, targetAddress });
    return true;
  }
}

/** Makes an entry the last that an iteration comes to. */
function moveToEnd<T>(map: Map<string, T>, key: string): void {
  const value = map.get(key)!;
  map.delete(key);
  map.set(key, value);
}

/** What a packet with a VIP as sender does. */
function misdeedOf({ operation, senderAddress, targetAddress, isToGroup }: NeighborPacket): Misdeed {
  // A proxy answers our own announcement, which asks for what it tells, with a reply for the VIP that is to us alone.
  if (operation === "reply") return isToGroup ? "announcement" : "answer";
  return targetAddress === senderAddress ? "announcement" : "leak";
}
