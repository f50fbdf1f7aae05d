/**
 * The active audit of ARP and NDP: every real server is asked, by a unicast question that nobody else sees, whether it
 * would answer for a VIP; and everybody may be asked. A hardened real server is silent, while it does answer for its own
 * address.
 *
 * No question can mislead anybody: its sender is an address this host really has, or over ARP nobody (RFC 5227 §1.1).
 *
 * @module
 */

import type { ServerAudit } from "../model/status_snapshot.ts";
import { EVERYBODY } from "./frame_writer.ts";
import type { Packet } from "./packet.ts";
import type { Conversation, Wire } from "./wire.ts";

/** Questions of one kind, and the time between them: frames do get lost. */
const QUESTIONS = 3;
const RESOLVE_INTERVAL_MS = 1_000;
/** A kernel answers within microseconds. */
const AUDIT_INTERVAL_MS = 300;
/** Hosts that are asked in one go, so that there is no burst. */
const ASKED_PER_TICK = 16;

/** Who else says that it has a VIP: a director on another host, or a machine that should not. */
export interface VipHolders {
  readonly vip: string;
  /** MACs of no real server, sorted. */
  readonly macs: readonly string[];
}

/** Addresses of one family. */
export interface AuditQuestion {
  readonly servers: readonly string[];
  readonly vips: readonly string[];
  /** An address of this host that is no VIP, or `NOBODY`. */
  readonly senderAddress: string;
  /** Whether to ask everybody for the VIPs as well. */
  readonly asksEverybody: boolean;
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

  constructor(wire: Wire, question: AuditQuestion) {
    this.#wire = wire;
    this.#vips = question.vips;
    this.#senderAddress = question.senderAddress;
    this.#servers = new Map(question.servers.map((server) => [server, unasked(null)]));
    this.#everybody = { ...unasked(EVERYBODY), isDone: !question.asksEverybody };
    this.#answers = new Map(question.vips.map((vip) => [vip, new Set()]));
  }

  hear(packet: Packet, nowMs: number): void {
    if (packet.kind !== "neighbor" || packet.operation !== "reply") return;
    const server = this.#servers.get(packet.senderAddress);
    if (server !== undefined && server.mac === null && !server.isDone) {
      Object.assign(server, { ...unasked(packet.senderMac), askAtMs: nowMs });
    }
    if (packet.senderMac !== this.#wire.mac) this.#answers.get(packet.senderAddress)?.add(packet.senderMac);
  }

  tick(nowMs: number): void {
    let left = ASKED_PER_TICK;
    for (const [address, server] of this.#servers) {
      if (left === 0) break;
      if (!isDue(server, nowMs, server.mac === null ? RESOLVE_INTERVAL_MS : AUDIT_INTERVAL_MS)) continue;
      left -= 1;
      if (server.mac === null) this.#ask(EVERYBODY, address);
      else this.#askForVips(server.mac);
    }
    if (isDue(this.#everybody, nowMs, AUDIT_INTERVAL_MS)) this.#askForVips(EVERYBODY);
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

  #askForVips(to: string): void {
    for (const vip of this.#vips) this.#ask(to, vip);
  }

  #ask(to: string, targetAddress: string): void {
    this.#wire.ask({ to, senderAddress: this.#senderAddress, targetAddress });
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
