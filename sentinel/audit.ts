/**
 * The active audit of ARP: every real server is asked, by a unicast ARP request that nobody else sees, whether it would
 * answer for a VIP; and everybody is asked by a broadcast one. A hardened real server is silent, while it does answer
 * for its own address.
 *
 * No question can mislead anybody: its sender is an address this host really has, or nobody (RFC 5227 §1.1).
 *
 * @module
 */

import { Operation } from "../datapath/wire/arp.ts";
import type { Packet } from "./packet.ts";
import { type Conversation, EVERYBODY, type Wire } from "./wire.ts";

/** Questions of one kind, and the time between them: frames do get lost. */
const QUESTIONS = 3;
const RESOLVE_INTERVAL_MS = 1_000;
/** A kernel answers ARP within microseconds. */
const AUDIT_INTERVAL_MS = 300;

/** `unreachable`: the real server does not answer for its own address either. */
export type AuditVerdict = "hardened" | "answers" | "unreachable";

/** What became of the question to one real server for one VIP. */
export interface ServerAudit {
  readonly server: string;
  readonly vip: string;
  readonly verdict: AuditVerdict;
  /** MAC of the real server, or `null` if it is unreachable. */
  readonly mac: string | null;
}

/** Who else says that it has a VIP: a director on another host, or a machine that should not. */
export interface VipHolders {
  readonly vip: string;
  /** MACs of no real server, sorted. */
  readonly macs: readonly string[];
}

interface Asked {
  mac: string | null;
  asked: number;
  askAtMs: number;
  isDone: boolean;
}

export class Audit implements Conversation {
  readonly #wire: Wire;
  readonly #vips: readonly string[];
  readonly #senderAddress: string;
  readonly #servers: ReadonlyMap<string, Asked>;
  readonly #everybody: Asked;
  /** MACs that answered for each VIP. */
  readonly #answers: ReadonlyMap<string, Set<string>>;

  /**
   * @param servers Addresses of the real servers.
   * @param senderAddress An address of this host that is no VIP, or `NOBODY`.
   */
  constructor(
    wire: Wire,
    question: { readonly servers: readonly string[]; readonly vips: readonly string[] },
    senderAddress: string,
  ) {
    this.#wire = wire;
    this.#vips = question.vips;
    this.#senderAddress = senderAddress;
    this.#servers = new Map(question.servers.map((server) => [server, unasked(null)]));
    this.#everybody = unasked(EVERYBODY);
    this.#answers = new Map(question.vips.map((vip) => [vip, new Set()]));
  }

  hear(packet: Packet, nowMs: number): void {
    if (packet.kind !== "arp" || packet.operation !== Operation.REPLY) return;
    const server = this.#servers.get(packet.senderAddress);
    if (server !== undefined && server.mac === null && !server.isDone) {
      Object.assign(server, { ...unasked(packet.senderMac), askAtMs: nowMs });
    }
    if (packet.senderMac !== this.#wire.mac) this.#answers.get(packet.senderAddress)?.add(packet.senderMac);
  }

  tick(nowMs: number): void {
    for (const [address, server] of this.#servers) {
      if (server.mac !== null) this.#askForVips(server, nowMs);
      else if (isDue(server, nowMs, RESOLVE_INTERVAL_MS)) this.#ask(EVERYBODY, address);
    }
    this.#askForVips(this.#everybody, nowMs);
  }

  get isOver(): boolean {
    return this.#everybody.isDone && [...this.#servers.values()].every(({ isDone }) => isDone);
  }

  /** MAC of a real server, or `null` if it did not answer for its own address. */
  macOf(server: string): string | null {
    return this.#servers.get(server)?.mac ?? null;
  }

  /** One for each real server and VIP, in the order given. */
  get verdicts(): ServerAudit[] {
    return [...this.#servers].flatMap(([server, { mac }]) =>
      this.#vips.map((vip) => {
        const verdict = mac === null
          ? "unreachable"
          : this.#answers.get(vip)!.has(mac)
          ? "answers"
          : "hardened";
        return { server, vip, verdict, mac };
      })
    );
  }

  /** One for each VIP, in the order given. */
  get holders(): VipHolders[] {
    const servers = new Set([...this.#servers.values()].map(({ mac }) => mac));
    return this.#vips.map((vip) => ({
      vip,
      macs: [...this.#answers.get(vip)!].filter((mac) => !servers.has(mac)).toSorted(),
    }));
  }

  #askForVips(asked: Asked, nowMs: number): void {
    if (asked.mac === null || !isDue(asked, nowMs, AUDIT_INTERVAL_MS)) return;
    for (const vip of this.#vips) this.#ask(asked.mac, vip);
  }

  #ask(to: string, targetAddress: string): void {
    const { REQUEST: operation } = Operation;
    this.#wire.sendArp({ to, operation, senderAddress: this.#senderAddress, targetAddress });
  }
}

function unasked(mac: string | null): Asked {
  return { mac, asked: 0, askAtMs: 0, isDone: false };
}

/** Whether to ask now; counts it as asked, and notes when the last question has gone unanswered long enough. */
function isDue(asked: Asked, nowMs: number, intervalMs: number): boolean {
  if (asked.isDone || asked.askAtMs > nowMs) return false;
  if (asked.asked === QUESTIONS) {
    asked.isDone = true;
    return false;
  }
  asked.asked += 1;
  asked.askAtMs = nowMs + intervalMs;
  return true;
}
