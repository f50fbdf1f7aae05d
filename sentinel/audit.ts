/**
 * The active audit of ARP and NDP: every real server is asked, by a unicast question that nobody else sees, whether it
 * would answer for a VIP; and everybody may be asked. A hardened real server is silent, while it does answer for its own
 * address.
 *
 * Who answers first for a real server's address need not be that real server: a host that is a proxy, or has the whole
 * subnet on lo, answers for all of them, and may be quicker, or be the only one as the real server is down. So everybody
 * who answers is noted and asked, and a MAC is taken for a real server's own only if it is the only one that could be, and
 * answers for nothing that is somebody else's or nobody's.
 *
 * No question can mislead anybody: its sender is an address this host really has, or over ARP nobody (RFC 5227 §1.1).
 *
 * @module
 */

import type { AuditVerdict, ServerAudit } from "../model/status_snapshot.ts";
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
/** Decoys of which a MAC must answer for all to be one that answers for everything: it may have one for its own. */
const FEWEST_DECOYS = 2;
/** MACs that are noted for one address: nobody can keep an audit going with ever new ones. */
const MOST_MACS = 4;

/** Who else says that it has a VIP: a director on another host, or a machine that should not. */
export interface VipHolders {
  readonly vip: string;
  /** MACs that answered for no real server, sorted. */
  readonly macs: readonly string[];
}

/** A MAC that answers for addresses that are not, or may not be, its own. */
export interface Usurper {
  readonly mac: string;
  /** Real servers that it answers for, and others as well. */
  readonly usurped: readonly string[];
  /** Real servers that it alone answers for: it is one of them, or they are down. */
  readonly alone: readonly string[];
  /** Whether it answers for a VIP or a real server, and for all addresses that nobody is known to have. */
  readonly isForEverything: boolean;
}

/** Addresses of one family. */
export interface AuditQuestion {
  readonly servers: readonly string[];
  readonly vips: readonly string[];
  /** An address of this host that is no VIP, or `NOBODY`. */
  readonly senderAddress: string;
  /** Whether to ask everybody for the VIPs as well. */
  readonly asksEverybody: boolean;
  /** Addresses that nobody is known to have, for which all who are asked for the VIPs are asked too. */
  readonly decoys?: readonly string[];
  /** MACs by real server that an earlier audit found to be their own. */
  readonly known?: ReadonlyMap<string, string>;
}

/** What a real server, a MAC or everybody was asked so far. */
interface Asked {
  count: number;
  askAtMs: number;
  isDone: boolean;
}

interface AskedServer {
  /** For its own address. */
  readonly question: Asked;
  /** All that answered. */
  readonly macs: Set<string>;
}

interface AskedHost {
  /** For the VIPs. */
  readonly question: Asked;
  /** Real servers that it answered for. */
  readonly servers: Set<string>;
}

export class Audit implements Conversation {
  readonly #wire: Wire;
  readonly #vips: readonly string[];
  readonly #senderAddress: string;
  readonly #servers: ReadonlyMap<string, AskedServer>;
  /** By MAC. */
  readonly #hosts = new Map<string, AskedHost>();
  readonly #everybody: Asked;
  readonly #decoys: readonly string[];
  readonly #known: ReadonlyMap<string, string>;
  /** MACs that answered for each VIP and decoy. */
  readonly #answers: ReadonlyMap<string, Set<string>>;

  constructor(wire: Wire, question: AuditQuestion) {
    this.#wire = wire;
    this.#vips = question.vips;
    this.#senderAddress = question.senderAddress;
    this.#servers = new Map(
      question.servers.map((server) => [server, { question: unasked(), macs: new Set() }]),
    );
    this.#everybody = { ...unasked(), isDone: !question.asksEverybody };
    this.#decoys = question.decoys ?? [];
    this.#known = question.known ?? new Map();
    this.#answers = new Map([...question.vips, ...this.#decoys].map((address) => [address, new Set()]));
  }

  hear(packet: Packet): void {
    if (packet.kind !== "neighbor" || packet.operation !== "reply") return;
    const { senderMac, senderAddress } = packet;
    if (senderMac === this.#wire.mac) return;
    this.#answers.get(senderAddress)?.add(senderMac);
    const server = this.#servers.get(senderAddress);
    if (server === undefined || server.macs.size === MOST_MACS) return;
    const isGivenUp = server.question.isDone && server.macs.size === 0;
    if (isGivenUp) return;
    server.question.isDone = true;
    server.macs.add(senderMac);
    const host = this.#hosts.get(senderMac) ?? { question: unasked(), servers: new Set() };
    this.#hosts.set(senderMac, host);
    host.servers.add(senderAddress);
  }

  tick(nowMs: number): void {
    let left = ASKED_PER_TICK;
    for (const [address, { question }] of this.#servers) {
      if (left === 0) break;
      if (!isDue(question, nowMs, RESOLVE_INTERVAL_MS)) continue;
      left -= 1;
      this.#ask(EVERYBODY, address);
    }
    for (const [mac, { question }] of this.#hosts) {
      if (left === 0) break;
      if (!isDue(question, nowMs, AUDIT_INTERVAL_MS)) continue;
      left -= 1;
      for (const address of this.#answers.keys()) this.#ask(mac, address);
    }
    if (isDue(this.#everybody, nowMs, AUDIT_INTERVAL_MS)) {
      for (const address of this.#answers.keys()) this.#ask(EVERYBODY, address);
    }
  }

  get isOver(): boolean {
    return this.#everybody.isDone &&
      [...this.#servers.values(), ...this.#hosts.values()].every(({ question }) => question.isDone);
  }

  /** Addresses of the real servers, in the order given. */
  get servers(): readonly string[] {
    return [...this.#servers.keys()];
  }

  /** All MACs that answered for a real server's own address. */
  macsOf(server: string): readonly string[] {
    return [...this.#servers.get(server)?.macs ?? []];
  }

  /** The MAC that must be a real server's own, or `null` if there is none, or it cannot be told. */
  macOf(server: string): string | null {
    const macs = this.macsOf(server);
    const modest = macs.filter((mac) =>
      this.#hosts.get(mac)!.servers.size === 1 && !this.#answersForNobody(mac)
    );
    if (modest.length === 1) return modest[0]!;
    const known = this.#known.get(server);
    if (known !== undefined && macs.includes(known)) return known;
    const [mac] = macs;
    return macs.length === 1 && mac !== undefined && this.#isOneHost(mac) ? mac : null;
  }

  /** One for each real server and VIP, in the order given. */
  get verdicts(): ServerAudit[] {
    return this.servers.flatMap((server) => {
      const mac = this.macOf(server);
      return this.#vips.map((vip) => ({ server, vip, verdict: this.#verdict(server, mac, vip), mac }));
    });
  }

  /** One for each VIP, in the order given. */
  get holders(): VipHolders[] {
    return this.#vips.map((vip) => ({
      vip,
      macs: [...this.#answers.get(vip)!].filter((mac) => !this.#hosts.has(mac)).toSorted(),
    }));
  }

  /** Everybody who answers for addresses that are not, or may not be, its own. */
  get usurpers(): Usurper[] {
    const macs = new Set([
      ...this.#hosts.keys(),
      ...[...this.#answers.values()].flatMap((some) => [...some]),
    ]);
    return [...macs].flatMap((mac) => {
      const servers = [...this.#hosts.get(mac)?.servers ?? []];
      const isForEverything = this.#answersForNobody(mac) && (servers.length > 0 || this.#answersForVip(mac));
      const others = servers.filter((server) => this.macOf(server) !== mac);
      // Of two that answer for one real server alone, neither is known to be wrong.
      if (!isForEverything && (servers.length < 2 || others.length === 0)) return [];
      const isAlone = (server: string) => this.macsOf(server).length === 1;
      const usurped = others.filter((server) => !isAlone(server));
      return [{ mac, usurped, alone: others.filter(isAlone), isForEverything }];
    });
  }

  #verdict(server: string, mac: string | null, vip: string): AuditVerdict {
    if (mac !== null) return this.#answers.get(vip)!.has(mac) ? "answers" : "hardened";
    return this.macsOf(server).length === 0 ? "unreachable" : "contested";
  }

  #answersForVip(mac: string): boolean {
    return this.#vips.some((vip) => this.#answers.get(vip)!.has(mac));
  }

  /** Whether a MAC answers for what nobody is known to have. */
  #answersForNobody(mac: string): boolean {
    return this.#hasDecoys && this.#decoys.every((decoy) => this.#answers.get(decoy)!.has(mac));
  }

  get #hasDecoys(): boolean {
    return this.#decoys.length >= FEWEST_DECOYS;
  }

  /** Whether all that a MAC answers for can be addresses of one host, so that it need not be told which is its own. */
  #isOneHost(mac: string): boolean {
    const { servers } = this.#hosts.get(mac)!;
    const isAlone = [...servers].every((server) => this.macsOf(server).length === 1);
    if (!isAlone || this.#answersForNobody(mac)) return false;
    return this.#hasDecoys || !this.#answersForVip(mac);
  }

  #ask(to: string, targetAddress: string): void {
    this.#wire.ask({ to, senderAddress: this.#senderAddress, targetAddress });
  }
}

function unasked(): Asked {
  return { count: 0, askAtMs: 0, isDone: false };
}

/** Whether to ask now; counts it as asked, and notes when the last question has gone unanswered long enough. */
function isDue(asked: Asked, nowMs: number, intervalMs: number): boolean {
  if (asked.isDone || asked.askAtMs > nowMs) return false;
  if (asked.count === QUESTIONS) {
    asked.isDone = true;
    return false;
  }
  asked.count += 1;
  asked.askAtMs = nowMs + intervalMs;
  return true;
}
