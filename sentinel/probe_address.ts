/**
 * The address a proof is made from: one that nobody on the link has, found as RFC 5227 has every host find out whether
 * its address is free.
 *
 * @module
 */

import { Operation } from "../datapath/wire/arp.ts";
import { ipv4FromText, ipv4ToText } from "../model/ip_address.ts";
import type { Packet } from "./packet.ts";
import { type Conversation, EVERYBODY, NOBODY, type Wire } from "./wire.ts";

/** PROBE_NUM, PROBE_MIN and ANNOUNCE_WAIT of RFC 5227 §1.1. */
const PROBES = 3;
const PROBE_INTERVAL_MS = 1_000;
const LAST_WAIT_MS = 2_000;

/** Addresses asked for at once: most subnets have a free one among so many. */
const CANDIDATES = 8;

/** A subnet by one address in it. */
export interface Subnet {
  readonly address: string;
  readonly prefixLength: number;
}

/**
 * Picks successive addresses of a subnet from a random one on, network and broadcast address aside.
 *
 * At random, because a real server that still remembers an address does not ask for it by ARP again, and it is by what
 * it asks that a leak of the VIP shows.
 *
 * @param taken Addresses known to be somebody's.
 * @returns Few, or none if the subnet is too small.
 */
export function pickCandidates(subnet: Subnet, taken: ReadonlySet<string>): string[] {
  const hosts = 2 ** (32 - subnet.prefixLength) - 2;
  if (hosts < 1) return [];
  const mask = subnet.prefixLength === 0 ? 0 : -1 << (32 - subnet.prefixLength);
  const network = (ipv4FromText(subnet.address) & mask) >>> 0;
  const first = crypto.getRandomValues(new Uint32Array(1))[0]! % hosts;
  const candidates: string[] = [];
  for (let step = 0; step < hosts && candidates.length < CANDIDATES; step++) {
    const address = ipv4ToText(network + 1 + (first + step) % hosts);
    if (!taken.has(address)) candidates.push(address);
  }
  return candidates;
}

/** Finds out which of some addresses is free. */
export class AddressClaim implements Conversation {
  readonly #wire: Wire;
  readonly #candidates: readonly string[];
  readonly #owners = new Map<string, string>();
  #probes = 0;
  #nextAtMs = 0;
  #isOver = false;

  constructor(wire: Wire, candidates: readonly string[]) {
    this.#wire = wire;
    this.#candidates = candidates;
  }

  hear(packet: Packet): void {
    if (packet.kind !== "arp" || packet.senderMac === this.#wire.mac) return;
    // Somebody else who probes for it wants to have it as well (RFC 5227 §2.1.1).
    const claimed = packet.senderAddress === NOBODY && packet.operation === Operation.REQUEST
      ? packet.targetAddress
      : packet.senderAddress;
    if (this.#candidates.includes(claimed)) this.#owners.set(claimed, packet.senderMac);
  }

  tick(nowMs: number): void {
    if (this.#isOver || this.#nextAtMs > nowMs) return;
    if (this.#probes === PROBES) {
      this.#isOver = true;
      return;
    }
    this.#probes += 1;
    this.#nextAtMs = nowMs + (this.#probes === PROBES ? LAST_WAIT_MS : PROBE_INTERVAL_MS);
    for (const targetAddress of this.#candidates) {
      const { REQUEST: operation } = Operation;
      this.#wire.sendArp({ to: EVERYBODY, operation, senderAddress: NOBODY, targetAddress });
    }
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The first address that nobody has, or `null`. */
  get free(): string | null {
    return this.#candidates.find((address) => !this.#owners.has(address)) ?? null;
  }

  /** MAC of whoever has an address, or `null`. */
  ownerOf(address: string): string | null {
    return this.#owners.get(address) ?? null;
  }
}
