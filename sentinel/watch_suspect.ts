/**
 * What one MAC has been seen to do with VIPs that are not its own, and what that is called.
 *
 * A single packet tells little: whoever answers for a VIP may be a real server that nobody has hardened, a proxy, or
 * another director. So evidence is kept by MAC, and judged together with the answers to a few questions.
 *
 * @module
 */

import type { WireAlarmName } from "../model/status_snapshot.ts";

/** Time after which what cannot be asked for, an announcement or a leak, counts as over. */
const QUIET_MS = 60_000;
/** Questions without an answer after which a MAC does not answer for a VIP any more: frames do get lost. */
const SILENT_QUESTIONS = 5;

/** Of the addresses that nobody has, those a MAC must answer for to be one that answers for everything. */
const DECOYS = 2;
/** VIPs that a plain host hardly has by chance. */
const VIPS_OF_DIRECTOR = 2;
/** First five bytes of the MAC of a VRRP router, for IPv4 and IPv6 (RFC 9568 §7.3). */
const VRRP_MACS = ["00:00:5e:00:01:", "00:00:5e:00:02:"];

/** What a packet does with a VIP: it answers somebody, tells everybody, or asks for something else in its name. */
export type Misdeed = "answer" | "announcement" | "leak";

interface Tally {
  count: number;
  readonly firstMs: number;
  lastMs: number;
}

/** One alarm, before anybody has put it into words. */
export interface Alarm {
  readonly name: WireAlarmName;
  readonly vip: string;
  readonly mac: string;
  /** Address of the real server with that MAC, or `null`. */
  readonly server: string | null;
  /** Whether it also answers for addresses that nobody has. */
  readonly isForEverything: boolean;
  /** What was seen of it. */
  readonly misdeeds: readonly Misdeed[];
  /** All VIPs that it was seen to ask with. */
  readonly leaked: readonly string[];
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
}

/** The misdeeds of a MAC with one VIP. */
interface Claims {
  readonly tallies: Map<Misdeed, Tally>;
  /** Questions since the last answer. */
  unanswered: number;
}

/** A MAC that is not ours and has claimed a VIP. */
export class Suspect {
  readonly mac: string;
  readonly #claims = new Map<string, Claims>();
  readonly #decoys = new Set<string>();

  constructor(mac: string) {
    this.mac = mac;
  }

  /** VIPs it has claimed and not given up. */
  get vips(): readonly string[] {
    return [...this.#claims.keys()];
  }

  /** Whether it answers for addresses that nobody has. */
  get isForEverything(): boolean {
    return this.#decoys.size >= DECOYS;
  }

  /** VIPs it answers for. */
  get answeredVips(): readonly string[] {
    return this.vips.filter((vip) => this.#claims.get(vip)!.tallies.has("answer"));
  }

  /** Takes note of a misdeed. */
  add(misdeed: Misdeed, vip: string, nowMs: number): void {
    let claims = this.#claims.get(vip);
    if (claims === undefined) this.#claims.set(vip, claims = { tallies: new Map(), unanswered: 0 });
    if (misdeed === "answer") claims.unanswered = 0;
    const tally = claims.tallies.get(misdeed);
    if (tally === undefined) claims.tallies.set(misdeed, { count: 1, firstMs: nowMs, lastMs: nowMs });
    else {
      tally.count += 1;
      tally.lastMs = nowMs;
    }
  }

  /** Takes note of an answer for an address that nobody has. */
  addDecoy(address: string): void {
    this.#decoys.add(address);
  }

  /** Takes note that it was asked for a VIP. */
  addQuestion(vip: string): void {
    const claims = this.#claims.get(vip);
    if (claims !== undefined) claims.unanswered += 1;
  }

  /** Forgets what is over, and VIPs that are not in `vips`. */
  forget(vips: ReadonlySet<string>, nowMs: number): void {
    for (const [vip, { tallies, unanswered }] of this.#claims) {
      for (const [misdeed, { lastMs }] of tallies) {
        const isOver = misdeed === "answer" ? unanswered >= SILENT_QUESTIONS : nowMs - lastMs >= QUIET_MS;
        if (isOver) tallies.delete(misdeed);
      }
      if (tallies.size === 0 || !vips.has(vip)) this.#claims.delete(vip);
    }
  }

  /**
   * The alarms it gives cause for.
   *
   * @param serverOf Address of the real server with its MAC, for a VIP, or `null`.
   * @param isSettled Whether it has had the time to answer questions. Without that, only what needs none is known.
   */
  alarms(serverOf: (vip: string) => string | null, isSettled: boolean): Alarm[] {
    return this.vips.flatMap((vip) => {
      const server = serverOf(vip);
      if (server !== null) return this.#alarmsOfServer(vip, server, isSettled);
      return isSettled ? [this.#alarm(this.#nameOfStranger(vip), vip, null)] : [];
    });
  }

  #alarmsOfServer(vip: string, server: string, isSettled: boolean): Alarm[] {
    const { tallies } = this.#claims.get(vip)!;
    return MISDEEDS_OF_SERVERS.filter(([misdeed]) =>
      tallies.has(misdeed) && (misdeed !== "answer" || isSettled)
    ).map(([misdeed, name]) => this.#alarm(name, vip, server, misdeed));
  }

  #nameOfStranger(vip: string): WireAlarmName {
    const { tallies } = this.#claims.get(vip)!;
    const isAnswering = tallies.has("answer");
    if (isAnswering && this.isForEverything) return "proxy_arp";
    const isVrrpRouter = VRRP_MACS.some((prefix) => this.mac.startsWith(prefix));
    const isAnnouncing = isAnswering && tallies.has("announcement");
    const isHoldingSeveral = isAnswering && this.answeredVips.length >= VIPS_OF_DIRECTOR;
    if (isVrrpRouter || isAnnouncing || isHoldingSeveral) return "duplicate_director";
    return tallies.size === 1 && tallies.has("leak") ? "vip_leaked_as_sender" : "stranger";
  }

  /** @param only The misdeed it is about; all of them by default. */
  #alarm(name: WireAlarmName, vip: string, server: string | null, only?: Misdeed): Alarm {
    const { tallies } = this.#claims.get(vip)!;
    const misdeeds = only === undefined ? [...tallies.keys()] : [only];
    const counted = misdeeds.map((misdeed) => tallies.get(misdeed)!);
    return {
      name,
      vip,
      mac: this.mac,
      server,
      isForEverything: this.isForEverything && misdeeds.includes("answer"),
      misdeeds,
      leaked: this.vips.filter((leaked) => this.#claims.get(leaked)!.tallies.has("leak")),
      firstMs: Math.min(...counted.map(({ firstMs }) => firstMs)),
      lastMs: Math.max(...counted.map(({ lastMs }) => lastMs)),
      count: counted.reduce((sum, { count }) => sum + count, 0),
    };
  }
}

/** What the misdeeds of a real server are called. */
const MISDEEDS_OF_SERVERS = [
  ["answer", "vip_answered_by_other"],
  ["leak", "vip_leaked_as_sender"],
  ["announcement", "gratuitous_by_realserver"],
] as const satisfies readonly (readonly [Misdeed, WireAlarmName])[];
