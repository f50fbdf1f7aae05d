/**
 * The MACs of the real servers, asked for by the director's own ARP and Neighbor Discovery: it must not depend on
 * what the kernel believes, and must know at once when an answer stays away. Timing follows the spirit of RFC 4861
 * §7.3, which Linux uses for ARP as well: confirmed now and then by unicast, asked for by everybody's address when
 * that fails.
 *
 * Anybody on the link can say what he likes. A MAC that is known gives way to nobody as long as it answers: what else is
 * said makes the director ask there, at most once a second, and everybody only if nothing comes back.
 *
 * @module
 */

import { addressWords, familyOf, isInPrefix, type Mac } from "../model/ip_address.ts";
import type { InterfaceAddress } from "./messages.ts";
import { UNTAGGED } from "./wire/ethernet.ts";

/** How long a MAC is believed without a new sign of it. */
const REACHABLE_MS = 30_000;
/** Time between two requests that went unanswered. */
const RETRANSMIT_MS = 1_000;
/** Unicast requests without an answer before everybody is asked. */
const UNICAST_PROBES = 2;
/** Requests without an answer, of either kind, after which a known MAC is given up. */
const PROBES = 5;
/** How long the first answer of a neighbour is waited for before it counts as absent. */
const PATIENCE_MS = 3 * RETRANSMIT_MS;
/** How long an answer stands undoubted (locktime, arp(7)): of several answers to a question the first counts. */
const LOCK_MS = 1_000;

/** What a message says about a neighbour, besides its MAC. */
export const Sign = {
  /** Nothing: it may come from anybody, for any reason. */
  UNASKED: 0,
  /** It is meant as an answer; it is one if there was a question. */
  ANSWER: 1,
  /** The same, by somebody who need not be the neighbour: it replaces no MAC, as that of a proxy (RFC 4861 §7.2.5). */
  ANSWER_OF_PROXY: 2,
} as const;

export type Sign = (typeof Sign)[keyof typeof Sign];

/** Which neighbour: the same address in another VLAN is another host. */
export interface NeighborId {
  readonly address: string;
  /** 1 to 4,094, or `UNTAGGED` of wire/ethernet.ts. */
  readonly vlan: number;
}

/** A request that is due. */
export interface DueRequest extends NeighborId {
  /** Address of ours to ask from; `null` means that we have none the neighbour could answer to. */
  readonly sender: string | null;
  /** Whom to ask; `null` means everybody. */
  readonly mac: Mac | null;
}

/** What happened to a neighbour. */
export type NeighborChange =
  & NeighborId
  & ({ readonly kind: "learnt"; readonly mac: Mac; readonly before: Mac | null } | { readonly kind: "lost" });

interface Neighbor extends NeighborId {
  /** Signed, as wire/ has them. */
  readonly words: Int32Array;
  readonly sender: string | null;
  /** When it was first to be known. */
  readonly wantedAtMs: number;
  mac: Mac | null;
  /** Of the last sign that the MAC is right; `null` if there was none here. */
  confirmedAtMs: number | null;
  askAtMs: number;
  /** Requests without an answer; from {@linkcode UNICAST_PROBES} on everybody is asked. */
  unanswered: number;
  /** Whether a request went out since the last answer. */
  isAsked: boolean;
}

export class NeighborTable {
  readonly #addresses: readonly InterfaceAddress[];
  readonly #onChange: (change: NeighborChange) => void;
  readonly #neighbors = new Map<string, Neighbor>();
  /** Those that share a number made from address and VLAN. Configured ones only, so nobody can crowd a number. */
  readonly #byNumber = new Map<number, Neighbor[]>();

  /**
   * @param addresses Those of the interface the neighbours are reached by.
   * @param onChange Called from within the other methods.
   */
  constructor(addresses: readonly InterfaceAddress[], onChange: (change: NeighborChange) => void) {
    this.#addresses = addresses;
    this.#onChange = onChange;
  }

  /** MAC of a neighbour, or `null` while it is not known. */
  macOf(address: string, vlan: number): Mac | null {
    return this.#neighbors.get(keyOf(address, vlan))?.mac ?? null;
  }

  /** Whether a neighbour was asked for just now, so that it may be there although its MAC is not known. */
  isSought(address: string, vlan: number, nowMs: number): boolean {
    const neighbor = this.#neighbors.get(keyOf(address, vlan));
    return neighbor !== undefined && neighbor.mac === null && nowMs - neighbor.wantedAtMs < PATIENCE_MS;
  }

  /** Milliseconds since the last sign that a MAC is right, or `null` if it is not known, or from another table only. */
  ageOf(address: string, vlan: number, nowMs: number): number | null {
    const neighbor = this.#neighbors.get(keyOf(address, vlan));
    if (neighbor === undefined || neighbor.mac === null || neighbor.confirmedAtMs === null) return null;
    return nowMs - neighbor.confirmedAtMs;
  }

  /** Makes `wanted` the neighbours to know; what is known of those that stay is kept. */
  reconcile(wanted: Iterable<NeighborId>, nowMs: number): void {
    const before = new Map(this.#neighbors);
    this.#neighbors.clear();
    this.#byNumber.clear();
    for (const { address, vlan } of wanted) {
      const key = keyOf(address, vlan);
      if (this.#neighbors.has(key)) continue;
      const neighbor = before.get(key) ?? {
        address,
        vlan,
        words: Int32Array.from(addressWords(address)),
        // Our addresses are in no VLAN: there they belong to somebody else, if to anybody.
        sender: vlan === UNTAGGED ? this.#senderFor(address) : null,
        wantedAtMs: nowMs,
        mac: null,
        confirmedAtMs: null,
        askAtMs: nowMs,
        unanswered: 0,
        isAsked: false,
      };
      this.#neighbors.set(key, neighbor);
      const [a, b, c, d] = neighbor.words;
      const number = numberOf(vlan, a!, b!, c!, d!);
      this.#byNumber.set(number, [...this.#byNumber.get(number) ?? [], neighbor]);
    }
  }

  /**
   * Takes note of a message that gives the MAC of the address with the four signed words in a VLAN. Hot path.
   *
   * @returns Whether the address is one of ours to know.
   */
  heard(
    vlan: number,
    a: number,
    b: number,
    c: number,
    d: number,
    macHigh: number,
    macLow: number,
    sign: Sign,
    nowMs: number,
  ): boolean {
    const neighbor = this.#find(vlan, a, b, c, d);
    // A group address or none as sender is nonsense (RFC 1812 §3.3.2).
    const isNobody = (macHigh & 0x0100) !== 0 || (macHigh === 0 && macLow === 0);
    if (neighbor === null || isNobody) return false;
    const { mac } = neighbor;
    const isAnswer = sign !== Sign.UNASKED && neighbor.isAsked;
    if (mac !== null && isSame(mac, macHigh, macLow)) {
      if (isAnswer) this.#confirm(neighbor, nowMs);
    } else if (mac === null || (isAnswer && sign === Sign.ANSWER && wasEverybodyAsked(neighbor))) {
      if (isAnswer) this.#confirm(neighbor, nowMs);
      else this.#askEverybody(neighbor, nowMs);
      this.#learn(neighbor, macHigh, macLow, nowMs);
    } else if (neighbor.unanswered < UNICAST_PROBES) {
      this.#doubt(neighbor, sign, nowMs);
    }
    return true;
  }

  /**
   * Takes note of an answer without a MAC: what is known of the neighbour is true. Hot path.
   *
   * @returns Whether the address is one of ours to know.
   */
  confirmed(vlan: number, a: number, b: number, c: number, d: number, nowMs: number): boolean {
    const neighbor = this.#find(vlan, a, b, c, d);
    if (neighbor === null) return false;
    if (neighbor.mac !== null && neighbor.isAsked) this.#confirm(neighbor, nowMs);
    return true;
  }

  /** Takes over what another table has found out about a neighbour; `null` means that it is lost. */
  adopt({ address, vlan }: NeighborId, mac: Mac | null): void {
    const neighbor = this.#neighbors.get(keyOf(address, vlan));
    if (neighbor === undefined) return;
    const before = neighbor.mac;
    neighbor.mac = mac;
    this.#onChange(
      mac === null ? { kind: "lost", address, vlan } : { kind: "learnt", address, vlan, mac, before },
    );
  }

  /** Requests to send now, at most `limit`; each call counts them as sent. */
  due(nowMs: number, limit: number): DueRequest[] {
    const requests: DueRequest[] = [];
    for (const neighbor of this.#neighbors.values()) {
      if (neighbor.askAtMs > nowMs) continue;
      if (requests.length === limit) break;
      const { address, vlan, sender } = neighbor;
      if (neighbor.mac !== null && neighbor.unanswered >= PROBES) {
        neighbor.mac = null;
        this.#onChange({ kind: "lost", address, vlan });
      }
      requests.push({
        address,
        vlan,
        sender,
        mac: neighbor.unanswered < UNICAST_PROBES ? neighbor.mac : null,
      });
      neighbor.unanswered += 1;
      neighbor.isAsked = true;
      neighbor.askAtMs = nowMs + RETRANSMIT_MS;
    }
    return requests;
  }

  #find(vlan: number, a: number, b: number, c: number, d: number): Neighbor | null {
    const candidates = this.#byNumber.get(numberOf(vlan, a, b, c, d));
    if (candidates === undefined) return null;
    for (let index = 0; index < candidates.length; index++) {
      const candidate = candidates[index]!;
      const { words } = candidate;
      if (
        words[3] === d && words[2] === c && words[1] === b && words[0] === a && candidate.vlan === vlan
      ) return candidate;
    }
    return null;
  }

  #confirm(neighbor: Neighbor, nowMs: number): void {
    neighbor.unanswered = 0;
    neighbor.isAsked = false;
    neighbor.confirmedAtMs = nowMs;
    neighbor.askAtMs = nowMs + REACHABLE_MS;
  }

  #learn(neighbor: Neighbor, macHigh: number, macLow: number, nowMs: number): void {
    const { address, vlan, mac: before } = neighbor;
    neighbor.mac = { high: macHigh, low: macLow >>> 0 };
    neighbor.confirmedAtMs = nowMs;
    this.#onChange({ kind: "learnt", address, vlan, mac: neighbor.mac, before });
  }

  /**
   * Takes note that somebody says to have the address of a neighbour whose MAC is another one: one question to that MAC,
   * and the next one to everybody.
   */
  #doubt(neighbor: Neighbor, sign: Sign, nowMs: number): void {
    const lockedUntilMs = neighbor.confirmedAtMs === null ? nowMs : neighbor.confirmedAtMs + LOCK_MS;
    const isLateAnswer = sign !== Sign.UNASKED && nowMs < lockedUntilMs;
    if (isLateAnswer) return;
    neighbor.unanswered = UNICAST_PROBES - 1;
    neighbor.askAtMs = Math.max(nowMs, lockedUntilMs);
  }

  /** Makes the next tick from a time on ask whose the address is. */
  #askEverybody(neighbor: Neighbor, fromMs: number): void {
    neighbor.unanswered = UNICAST_PROBES;
    neighbor.askAtMs = fromMs;
  }

  /** Our address on the neighbour's link, for IPv6 one that is good on every link if we have one. */
  #senderFor(target: string): string | null {
    const own = familyOf(target) === 6
      ? this.#addresses.find(({ address }) => isInPrefix(address, "fe80::", 10))
      : undefined;
    return (own ??
      this.#addresses.find(({ address, prefixLength }) => isInPrefix(target, address, prefixLength)))
      ?.address ?? null;
  }
}

/** Whether the last question was for everybody: who else answers one that was not has nothing to say. */
function wasEverybodyAsked({ unanswered }: Neighbor): boolean {
  return unanswered > UNICAST_PROBES;
}

function keyOf(address: string, vlan: number): string {
  return `${address} ${vlan}`;
}

/** A signed number: as a key, an unsigned one from 2^31 on would be an object. */
function numberOf(vlan: number, a: number, b: number, c: number, d: number): number {
  let number = vlan;
  number = Math.imul(number, 0x9e3779b1) ^ a;
  number = Math.imul(number, 0x9e3779b1) ^ b;
  number = Math.imul(number, 0x9e3779b1) ^ c;
  return Math.imul(number, 0x9e3779b1) ^ d;
}

function isSame(mac: Mac, high: number, low: number): boolean {
  return mac.high === high && (mac.low | 0) === (low | 0);
}
