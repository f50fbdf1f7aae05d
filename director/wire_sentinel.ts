/**
 * Watches over the VIPs as long as the director runs: turns what the sentinel sees into alarms, events and defence.
 *
 * @module
 */

import type { DatapathEvent } from "../datapath/mod.ts";
import { INTERFACE_REPORTS } from "../host/interface_reports.ts";
import { LookOut } from "../host/look_out.ts";
import { type Config, serverAddresses, vipsOf } from "../model/config.ts";
import { inOneLine } from "../model/operator_error.ts";
import {
  WIRE_ALARM_NAMES,
  type WireAlarm,
  type WireAlarmName,
  type WireTotals,
} from "../model/status_snapshot.ts";
import type { ConfigFile } from "../sentinel/finding.ts";
import type { KnownServer } from "../sentinel/watch.ts";
import type { Alarm } from "../sentinel/watch_suspect.ts";
import { alarmFinding } from "../sentinel/watch_words.ts";
import type { EventLog } from "./events.ts";
import { WatchPosts } from "./watch_posts.ts";

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
  /** Announces a VIP, once; returns whether there is anything that could. */
  readonly announce: (vip: string) => boolean;
  /** Called at every look. */
  readonly onReport: (alarms: readonly WireAlarm[], totals: WireTotals) => void;
}

export class WireSentinel implements AsyncDisposable {
  readonly #options: WireSentinelOptions;
  readonly #posts: WatchPosts;
  /** The same as long as the configuration is. */
  #file: ConfigFile;
  /** MACs of the real servers, by address, in the order in which they were learnt. */
  readonly #macs = new Map<string, readonly string[]>();
  /** The same by MAC; `null` while it is not made. */
  #servers: ReadonlyMap<string, readonly KnownServer[]> | null = null;
  /** All that stand. */
  #alarms: ReadonlyMap<string, Alarm> = new Map();
  readonly #raised: Record<WireAlarmName, number> = { ...NOTHING_SEEN.raised };
  /** VIPs that nobody is known to watch over, and why. */
  #unwatched: ReadonlyMap<string, string> = new Map();
  #lookOut: LookOut | null = null;
  #timer: number | undefined;

  constructor(options: WireSentinelOptions) {
    this.#options = options;
    this.#file = options.file;
    this.#posts = new WatchPosts({
      serverOf: (mac, vip) => this.#serverOf(mac, vip),
      defend: options.announce,
    });
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
   * Begins to watch, and follows the host's interfaces from then on.
   *
   * @param device Interface of the VIPs.
   */
  open(device: string): void {
    this.#lookOut = new LookOut({
      reporters: [{ words: INTERFACE_REPORTS, isRelevant: () => true }],
      look: async () => {
        const isInOrder = await this.#posts.settle(this.#file.config, device);
        this.#compareUnwatched();
        return isInOrder;
      },
      onFailure: (error) => {
        this.#posts.excuse(vipsOf(this.#file.config), inOneLine(error));
        this.#compareUnwatched();
      },
    });
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
  }

  /** Watches the VIPs of another configuration, soon. What is known of those that stay is kept. */
  adopt(config: Config): void {
    this.#file = { ...this.#file, config };
    const servers = new Set(serverAddresses(config));
    for (const address of this.#macs.keys()) if (!servers.has(address)) this.#macs.delete(address);
    this.#servers = null;
    this.#lookOut?.lookSoon();
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#lookOut?.[Symbol.asyncDispose]();
    this.#posts[Symbol.dispose]();
  }

  #look(): void {
    if (!this.#posts.step(performance.now())) {
      this.#compareUnwatched();
      this.#lookOut?.lookSoon();
    }
    this.#compare();
    const shown = foremost([...this.#alarms.values()]).map((alarm) => this.#described(alarm));
    this.#options.onReport(shown, {
      raised: { ...this.#raised },
      defences: this.#posts.defences,
      missed: this.#posts.missed,
    });
  }

  /** Reports VIPs that nobody watches over from now on, or for another reason, and those that are watched now. */
  #compareUnwatched(): void {
    const { events } = this.#options;
    const before = this.#unwatched;
    const now = this.#unwatched = this.#posts.unwatched;
    const fresh = [...now].filter(([vip, reason]) => before.get(vip) !== reason);
    for (const [reason, vips] of Map.groupBy(fresh, ([, reason]) => reason)) {
      const names = vips.map(([vip]) => vip).join(", ");
      events.report("warning", "wire.unwatched", `VIPs that nobody watches over: ${names}: ${reason}`);
    }
    const wanted = new Set(vipsOf(this.#file.config));
    const back = [...before.keys()].filter((vip) => !now.has(vip) && wanted.has(vip));
    if (back.length > 0) {
      events.report("info", "wire.watched", `VIPs that are watched over from now on: ${back.join(", ")}`);
    }
  }

  /** Reports alarms that begin and end. */
  #compare(): void {
    const { events } = this.#options;
    const now = new Map(this.#posts.alarms.map((alarm) => [keyOf(alarm), alarm]));
    const before = this.#alarms;
    this.#alarms = now;
    for (const [key, { name, vip, mac, server }] of before) {
      if (now.has(key)) continue;
      const who = server ?? `the host with MAC ${mac}`;
      events.report("info", "wire.cleared", `${name}: ${vip} is not claimed by ${who} any more`);
    }
    for (const [key, alarm] of now) {
      if (before.has(key)) continue;
      const { name, sentence, host, command } = this.#described(alarm);
      this.#raised[name] += 1;
      events.report("error", "wire.alarm", `${name}: ${sentence} (on ${host}: ${command})`);
    }
  }

  #described(alarm: Alarm): WireAlarm {
    const { problem, host, command } = alarmFinding(alarm, this.#file);
    // What `performance.now()` counts from; the clock may have been set since the last time.
    const epochMs = Date.now() - performance.now();
    return {
      name: alarm.name,
      vip: alarm.vip,
      mac: alarm.mac,
      realServer: alarm.server,
      sentence: problem,
      host,
      command,
      firstSeen: new Date(epochMs + alarm.firstMs).toISOString(),
      lastSeen: new Date(epochMs + alarm.lastMs).toISOString(),
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
    return this.#file.config.services.some((service) =>
      service.vip === vip && service.servers.some(({ address }) => address === server)
    );
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
