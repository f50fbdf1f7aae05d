/**
 * Watches over the VIPs as long as the director runs: turns what the sentinel sees into alarms, events and defence.
 *
 * @module
 */

import type { DatapathEvent } from "../datapath/mod.ts";
import { requireCommand } from "../host/command.ts";
import { type Link, readLinks } from "../host/links.ts";
import type { Config } from "../model/config.ts";
import { OperatorError } from "../model/operator_error.ts";
import {
  WIRE_ALARM_NAMES,
  type WireAlarm,
  type WireAlarmName,
  type WireTotals,
} from "../model/status_snapshot.ts";
import type { ConfigFile } from "../sentinel/finding.ts";
import { type KnownServer, Watch } from "../sentinel/watch.ts";
import { findWatchPlaces, watchFilter, type WatchPlace } from "../sentinel/watch_place.ts";
import type { Alarm } from "../sentinel/watch_suspect.ts";
import { alarmFinding } from "../sentinel/watch_words.ts";
import { Wire } from "../sentinel/wire.ts";
import type { EventLog } from "./events.ts";

/** Time between two looks. Each does a bounded amount of work, see `Wire.step`. */
const LOOK_INTERVAL_MS = 200;
/** Alarms that are shown, on all interfaces together. */
const MOST_ALARMS = 64;
/** MACs of one real server that are remembered. */
const MOST_MACS = 4;

/** Totals before anything was seen. */
export const NOTHING_SEEN: WireTotals = {
  raised: Object.fromEntries(WIRE_ALARM_NAMES.map((name) => [name, 0])) as Record<WireAlarmName, number>,
  defences: 0,
  missed: 0,
};

export interface WireSentinelOptions {
  readonly file: ConfigFile;
  readonly events: EventLog;
  /** Announces a VIP, once. */
  readonly announce: (vip: string) => void;
  /** Called at every look. */
  readonly onReport: (alarms: readonly WireAlarm[], totals: WireTotals) => void;
}

/** The watch on one interface. */
interface Post {
  readonly watch: Watch;
  wire: Wire;
  filter: string;
}

export class WireSentinel implements Disposable {
  readonly #options: WireSentinelOptions;
  /** What `performance.now()` counts from. */
  readonly #epochMs = Date.now() - performance.now();
  #config: Config;
  #device = "";
  /** MACs of the real servers, by address, in the order in which they were learnt. */
  readonly #macs = new Map<string, readonly string[]>();
  /** The same by MAC; `null` while it is not made. */
  #servers: ReadonlyMap<string, readonly KnownServer[]> | null = null;
  /** By name of the interface. */
  readonly #posts = new Map<string, Post>();
  #alarms: ReadonlyMap<string, WireAlarm> = new Map();
  readonly #raised: Record<WireAlarmName, number> = { ...NOTHING_SEEN.raised };
  /** Totals of interfaces that are watched no more. */
  readonly #past = { defences: 0, missed: 0 };
  #unseen = "";
  #timer: number | undefined;

  constructor(options: WireSentinelOptions) {
    this.#options = options;
    this.#config = options.file.config;
  }

  /** Takes note of the MACs of real servers. They are still known by those that they had. */
  datapathReported(event: DatapathEvent): void {
    if (event.kind !== "neighborLearnt") return;
    const known = this.#macs.get(event.address) ?? [];
    if (known.includes(event.mac)) return;
    this.#macs.set(event.address, [...known.slice(0, MOST_MACS - 1), event.mac]);
    this.#servers = null;
  }

  /**
   * Begins to watch.
   *
   * @param device Interface of the VIPs.
   */
  async open(device: string): Promise<void> {
    this.#device = device;
    await this.#settle();
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
  }

  /** Ends it, until it is opened again. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    for (const name of this.#posts.keys()) this.#closePost(name);
  }

  /** Watches the VIPs of another configuration, or reports why it cannot. What is known of those that stay is kept. */
  async adopt(config: Config): Promise<void> {
    this.#config = config;
    const servers = new Set(
      config.services.flatMap((service) => service.servers.map(({ address }) => address)),
    );
    for (const address of this.#macs.keys()) if (!servers.has(address)) this.#macs.delete(address);
    this.#servers = null;
    try {
      await this.#settle();
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.#reportUnwatched(`those that this configuration brings; ${error.message}`);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Brings posts in line with the configuration. */
  async #settle(): Promise<void> {
    const links = await readLinks();
    const { places, unseen } = findWatchPlaces(this.#config, this.#device, links, await kernelNeighbors());
    for (const name of this.#posts.keys()) {
      if (!places.some(({ link }) => link.name === name)) this.#closePost(name);
    }
    for (const place of places) {
      this.#attempt(place.link.name, () => this.#settlePost(place, links));
    }
    const unseenText = unseen.join(", ");
    if (unseenText !== "" && unseenText !== this.#unseen) {
      this.#reportUnwatched(`${unseenText}: this host has no address of its subnet in the VLAN`);
    }
    this.#unseen = unseenText;
  }

  #settlePost({ link, watched }: WatchPlace, links: readonly Link[]): void {
    const filter = watchFilter(watched);
    let post = this.#posts.get(link.name);
    if (post === undefined) {
      const wire = Wire.open(link, filter);
      const watch = new Watch(wire, {
        ownMacs: new Set([link.mac, ...links.flatMap(({ mac }) => mac === null ? [] : [mac])]),
        serverOf: (mac, vip) => this.#serverOf(mac, vip),
        defend: this.#options.announce,
      });
      this.#posts.set(link.name, post = { watch, wire, filter });
    } else if (post.filter !== filter) {
      const wire = Wire.open(link, filter);
      this.#closeWire(post);
      Object.assign(post, { wire, filter });
    }
    post.watch.adopt(post.wire, watched, performance.now());
  }

  #closePost(name: string): void {
    const post = this.#posts.get(name)!;
    this.#past.defences += post.watch.defences;
    this.#closeWire(post);
    this.#posts.delete(name);
  }

  #closeWire({ wire }: Post): void {
    this.#past.missed += wire.missed;
    wire[Symbol.dispose]();
  }

  #look(): void {
    for (const [name, { wire, watch }] of this.#posts) {
      this.#attempt(name, () => wire.step([watch], performance.now()));
    }
    this.#compare();
    const posts = [...this.#posts.values()];
    this.#options.onReport([...this.#alarms.values()], {
      raised: { ...this.#raised },
      defences: posts.reduce((sum, { watch }) => sum + watch.defences, this.#past.defences),
      missed: posts.reduce((sum, { wire }) => sum + wire.missed, this.#past.missed),
    });
  }

  /** Does something with an interface, and gives it up if it cannot be used. */
  #attempt(name: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.#reportUnwatched(error.message);
      if (this.#posts.has(name)) this.#closePost(name);
    }
  }

  /** Reports alarms that begin and end. */
  #compare(): void {
    const { events } = this.#options;
    const found = foremost([...this.#posts.values()].flatMap(({ watch }) => watch.alarms));
    const now = new Map(found.map((alarm) => [keyOf(alarm), this.#described(alarm)]));
    const before = this.#alarms;
    this.#alarms = now;
    for (const [key, { name, vip, mac, realServer }] of before) {
      if (now.has(key)) continue;
      const who = realServer ?? `the host with MAC ${mac}`;
      events.report("info", "wire.cleared", `${name}: ${vip} is not claimed by ${who} any more`);
    }
    for (const [key, { name, sentence, host, command }] of now) {
      if (before.has(key)) continue;
      this.#raised[name] += 1;
      events.report("error", "wire.alarm", `${name}: ${sentence} (on ${host}: ${command})`);
    }
  }

  #described(alarm: Alarm): WireAlarm {
    const { problem, host, command } = alarmFinding(alarm, { ...this.#options.file, config: this.#config });
    return {
      name: alarm.name,
      vip: alarm.vip,
      mac: alarm.mac,
      realServer: alarm.server,
      sentence: problem,
      host,
      command,
      firstSeen: new Date(this.#epochMs + alarm.firstMs).toISOString(),
      lastSeen: new Date(this.#epochMs + alarm.lastMs).toISOString(),
      count: alarm.count,
    };
  }

  /** Asked for every claim that is heard. */
  #serverOf(mac: string, vip: string | null): KnownServer | null {
    this.#servers ??= this.#serversByMac();
    const having = this.#servers.get(mac) ?? [];
    return (vip === null ? undefined : having.find(({ address }) => this.#serves(address, vip))) ??
      having[0] ?? null;
  }

  #serversByMac(): Map<string, KnownServer[]> {
    const servers = new Map<string, KnownServer[]>();
    for (const [address, macs] of this.#macs) {
      for (const mac of macs) {
        servers.set(mac, [...servers.get(mac) ?? [], { address, isCertain: macs[0] === mac }]);
      }
    }
    return servers;
  }

  #serves(server: string, vip: string): boolean {
    return this.#config.services.some((service) =>
      service.vip === vip && service.servers.some(({ address }) => address === server)
    );
  }

  #reportUnwatched(reason: string): void {
    this.#options.events.report("warning", "wire.unwatched", `VIPs that nobody watches over: ${reason}`);
  }
}

/** The alarms to show: real servers first, because quarantine goes by them, then the oldest. */
export function foremost(alarms: readonly Alarm[]): Alarm[] {
  const isStranger = ({ server }: Alarm) => Number(server === null);
  return alarms.toSorted((one, other) => isStranger(one) - isStranger(other) || one.firstMs - other.firstMs)
    .slice(0, MOST_ALARMS);
}

function keyOf({ name, vip, mac }: Alarm): string {
  return `${name} ${vip} ${mac}`;
}

/** Addresses that this host's kernel has to do with: asking for one of them might mislead it. */
async function kernelNeighbors(): Promise<Set<string>> {
  const json = await requireCommand("ip", ["-json", "neighbor", "show"]);
  return new Set((JSON.parse(json || "[]") as readonly { readonly dst: string }[]).map(({ dst }) => dst));
}
