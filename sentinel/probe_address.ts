/**
 * The address a proof is made from: one that nobody on the link has, found as every host finds out whether its address
 * is free (RFC 5227, RFC 4862 §5.4), and ours as long as we answer for it.
 *
 * @module
 */

import {
  addressBits,
  addressText,
  type AddressWords,
  addressWords,
  familyOf,
  IPV4_MAPPED,
  ipv4FromText,
  prefixMask,
} from "../model/ip_address.ts";
import { EVERYBODY, isNobody, NOBODY, NOBODY_IPV6 } from "./frame_writer.ts";
import type { Packet } from "./packet.ts";
import type { Conversation, Wire } from "./wire.ts";

/** PROBE_NUM, PROBE_MIN and ANNOUNCE_WAIT of RFC 5227 §1.1; RFC 4862 §5.4 is content with one probe and a second. */
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
 * Picks successive addresses of a subnet from a random one on, those aside that mean a network or a router.
 *
 * At random, because a real server that still remembers an address does not ask for it again, and it is by what it asks
 * that a leak of the VIP shows.
 *
 * @param taken Addresses known to be somebody's.
 * @returns Few, or none if the subnet is too small.
 */
export function pickCandidates(subnet: Subnet, taken: ReadonlySet<string>): string[] {
  const addressAt = familyOf(subnet.address) === 4 ? ipv4Hosts(subnet) : ipv6Hosts(subnet);
  const candidates: string[] = [];
  for (let step = 0; step < addressAt.hosts && candidates.length < CANDIDATES; step++) {
    const address = addressText(addressAt.host(step));
    if (!taken.has(address)) candidates.push(address);
  }
  return candidates;
}

/** Addresses that hosts of a subnet can have, from a random one on. */
interface Hosts {
  readonly hosts: number;
  readonly host: (step: number) => AddressWords;
}

function ipv4Hosts({ address, prefixLength }: Subnet): Hosts {
  const hosts = Math.max(0, 2 ** (32 - prefixLength) - 2);
  const network = (ipv4FromText(address) & prefixMask(prefixLength)[0]) >>> 0;
  const first = random() % Math.max(hosts, 1);
  return { hosts, host: (step) => [0, 0, IPV4_MAPPED, network + 1 + (first + step) % hosts] };
}

/** The first address is the routers' (RFC 4291 §2.6.1). Of a large subnet, only the last 31 bits are counted up. */
function ipv6Hosts({ address, prefixLength }: Subnet): Hosts {
  const bits = addressBits(6) - prefixLength;
  const hosts = Math.max(0, 2 ** Math.min(bits, 31) - 1);
  const words = addressWords(address);
  const mask = prefixMask(prefixLength);
  const base = mask.map((part, index) => ((words[index]! & part) | (random() & ~part)) >>> 0);
  const network = bits < 32 ? (words[3] & mask[3]) >>> 0 : (base[3]! & 0x8000_0000) >>> 0;
  const first = random() % Math.max(hosts, 1);
  return {
    hosts,
    host: (step) => [base[0]!, base[1]!, base[2]!, network + 1 + (first + step) % hosts],
  };
}

function random(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/** Finds out which of some addresses of one family is free. */
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
    if (packet.kind !== "neighbor" || packet.senderMac === this.#wire.mac) return;
    const { operation, senderAddress, targetAddress } = packet;
    // Somebody else who probes for it wants to have it as well (RFC 5227 §2.1.1).
    const claimed = operation === "request" && isNobody(senderAddress) ? targetAddress : senderAddress;
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
      const senderAddress = familyOf(targetAddress) === 4 ? NOBODY : NOBODY_IPV6;
      this.#wire.ask({ to: EVERYBODY, senderAddress, targetAddress });
    }
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The first address that nobody has, or `null`. */
  get free(): string | null {
    return this.#candidates.find((address) => !this.#owners.has(address)) ?? null;
  }

  /** MACs of all who have one, each once. */
  get owners(): readonly string[] {
    return [...new Set(this.#owners.values())];
  }

  /** MAC of whoever has an address, or `null`. */
  ownerOf(address: string): string | null {
    return this.#owners.get(address) ?? null;
  }
}

/** Has an address for as long as it is listened to: answers for it, and notices when somebody else takes it. */
export class AddressOwner implements Conversation {
  readonly address: string;
  readonly #wire: Wire;
  #thief: string | null = null;

  constructor(wire: Wire, address: string) {
    this.#wire = wire;
    this.address = address;
  }

  hear(packet: Packet): void {
    if (packet.kind !== "neighbor" || packet.senderMac === this.#wire.mac) return;
    const { operation, senderMac, senderAddress, targetAddress } = packet;
    if (senderAddress === this.address) this.#thief = senderMac;
    if (operation !== "request" || targetAddress !== this.address) return;
    this.#wire.answer({ to: senderMac, senderAddress: this.address, targetAddress: senderAddress });
  }

  tick(): void {}

  /** Always: nobody has to wait for it. */
  get isOver(): boolean {
    return true;
  }

  /** MAC of somebody who has taken the address meanwhile, or `null`. */
  get thief(): string | null {
    return this.#thief;
  }
}
