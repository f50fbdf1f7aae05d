/**
 * The MACs of the real servers, asked for by the director's own ARP: it must not depend on what the kernel
 * believes, and must know at once when an answer stays away. Timing follows the spirit of RFC 4861 §7.3, which
 * Linux uses for ARP as well: confirmed now and then by unicast, asked for by broadcast when that fails.
 *
 * @module
 */

import { ipv4FromText, isInPrefix, type Mac } from "../model/ip_address.ts";
import type { InterfaceAddress } from "./messages.ts";

/** How long a MAC is believed without a new sign of it. */
const REACHABLE_MS = 30_000;
/** Time between two requests that went unanswered. */
const RETRANSMIT_MS = 1_000;
/** Unicast requests without an answer before broadcast is used. */
const UNICAST_PROBES = 2;
/** Requests without an answer, of either kind, after which a known MAC is given up. */
const PROBES = 5;

/** A request that is due. */
export interface DueRequest {
  readonly targetAddress: number;
  readonly senderAddress: number;
  /** Whom to ask; `null` means everybody. */
  readonly mac: Mac | null;
}

/** What happened to a neighbour. */
export type NeighborChange =
  | { readonly kind: "learnt"; readonly address: string; readonly mac: Mac; readonly before: Mac | null }
  | { readonly kind: "lost"; readonly address: string };

interface Neighbor {
  readonly address: string;
  readonly number: number;
  /** Our address on its subnet; 0 where we have none, which makes the request a probe (RFC 5227 §1.1). */
  readonly senderAddress: number;
  mac: Mac | null;
  askAtMs: number;
  unanswered: number;
}

export class NeighborTable {
  readonly #addresses: readonly InterfaceAddress[];
  readonly #onChange: (change: NeighborChange) => void;
  /** By address as a signed number: unsigned ones from 2^31 on would be objects. */
  readonly #neighbors = new Map<number, Neighbor>();

  /**
   * @param addresses Those of the interface the neighbours are reached by.
   * @param onChange Called from within the other methods.
   */
  constructor(addresses: readonly InterfaceAddress[], onChange: (change: NeighborChange) => void) {
    this.#addresses = addresses;
    this.#onChange = onChange;
  }

  /** MAC of an address, or `null` while it is not known. */
  macOf(address: string): Mac | null {
    return this.#neighbors.get(ipv4FromText(address) | 0)?.mac ?? null;
  }

  /** Makes `wanted` the addresses to know; what is known of those that stay is kept. */
  reconcile(wanted: ReadonlySet<string>, nowMs: number): void {
    for (const [number, { address }] of this.#neighbors) {
      if (!wanted.has(address)) this.#neighbors.delete(number);
    }
    for (const address of wanted) {
      const number = ipv4FromText(address) | 0;
      if (this.#neighbors.has(number)) continue;
      this.#neighbors.set(number, {
        address,
        number,
        senderAddress: this.#senderAddressFor(address),
        mac: null,
        askAtMs: nowMs,
        unanswered: 0,
      });
    }
  }

  /**
   * Takes note of an ARP packet whose sender claims `address` at a MAC.
   *
   * @returns Whether the address is one of ours to know.
   */
  heard(address: number, macHigh: number, macLow: number, nowMs: number): boolean {
    const neighbor = this.#neighbors.get(address | 0);
    // A group address or none as sender is nonsense (RFC 1812 §3.3.2).
    const isNobody = (macHigh & 0x0100) !== 0 || (macHigh === 0 && macLow === 0);
    if (neighbor === undefined || isNobody) return false;
    const before = neighbor.mac;
    neighbor.unanswered = 0;
    neighbor.askAtMs = nowMs + REACHABLE_MS;
    if (before === null || before.high !== macHigh || (before.low | 0) !== (macLow | 0)) {
      neighbor.mac = { high: macHigh, low: macLow >>> 0 };
      this.#onChange({ kind: "learnt", address: neighbor.address, mac: neighbor.mac, before });
    }
    return true;
  }

  /** Requests to send now, at most `limit`; each call counts them as sent. */
  due(nowMs: number, limit: number): DueRequest[] {
    const requests: DueRequest[] = [];
    for (const neighbor of this.#neighbors.values()) {
      if (neighbor.askAtMs > nowMs) continue;
      if (requests.length === limit) break;
      if (neighbor.mac !== null && neighbor.unanswered >= PROBES) {
        neighbor.mac = null;
        this.#onChange({ kind: "lost", address: neighbor.address });
      }
      requests.push({
        targetAddress: neighbor.number,
        senderAddress: neighbor.senderAddress,
        mac: neighbor.unanswered < UNICAST_PROBES ? neighbor.mac : null,
      });
      neighbor.unanswered += 1;
      neighbor.askAtMs = nowMs + RETRANSMIT_MS;
    }
    return requests;
  }

  #senderAddressFor(target: string): number {
    const own = this.#addresses.find(({ address, prefixLength }) =>
      isInPrefix(target, address, prefixLength)
    );
    return own === undefined ? 0 : ipv4FromText(own.address);
  }
}
