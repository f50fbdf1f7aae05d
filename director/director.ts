/**
 * The control state of a running director: configuration, health and the table made of both.
 *
 * @module
 */

import {
  type Datapath,
  type DatapathEvent,
  EMPTY_COUNTERS,
  type ForwardingTableData,
} from "../datapath/mod.ts";
import { type Checker, createChecker, HealthMonitor, type HealthTarget } from "../health/mod.ts";
import type { Config, RealServer, VirtualService } from "../model/config.ts";
import type { LastCheck, StatusSnapshot, WireAlarm, WireTotals } from "../model/status_snapshot.ts";
import { type Attachment, egressOf } from "./attachment.ts";
import { ConnectionRates } from "./connection_rates.ts";
import type { DirectRouting } from "./direct_routing.ts";
import { type Counted, EarlierCounters } from "./earlier_counters.ts";
import type { EventLog } from "./events.ts";
import { forwardingTable, serverKey, SLOW_START_STEPS, type Standing } from "./forwarding.ts";
import { NeighborNews } from "./neighbor_news.ts";
import { Quarantine } from "./quarantine.ts";
import { checkOfServer } from "./server_check.ts";
import { statusSnapshot } from "./snapshot.ts";
import { NOTHING_SEEN } from "./wire_sentinel.ts";

const SAMPLE_INTERVAL_MS = 1_000;
const NEWS_INTERVAL_MS = 1_000;

/** What a director knows about itself. */
export interface DirectorFacts {
  readonly version: string;
  /** `performance.now()` milliseconds. */
  readonly startedAtMs: number;
  /** As it is at the start. */
  readonly attachment: Attachment;
  readonly tableCapacity: number;
}

/** The only owner of mutable control state. */
export class Director {
  readonly #facts: DirectorFacts;
  readonly #events: EventLog;
  readonly #routing: DirectRouting;
  readonly #monitor: HealthMonitor;
  readonly #rates = new ConnectionRates();
  readonly #earlier = new EarlierCounters();
  /** When a server that had failed came back; `performance.now()` milliseconds. */
  readonly #returnedAtMs = new Map<string, number>();
  /** Servers whose first check is still under way. */
  readonly #unknown = new Set<string>();
  /** Services that have no usable server, by name. */
  readonly #unavailable = new Set<string>();
  readonly #timers = new Set<number>();
  readonly #quarantine: Quarantine;
  readonly #neighborNews: NeighborNews;
  #alarms: readonly WireAlarm[] = [];
  #wire: WireTotals = NOTHING_SEEN;
  #datapath: Datapath | null = null;
  /** Whether the datapath works: it does not before the start, after the end, and while it is started anew. */
  #isForwarding = false;
  #attachment: Attachment;
  #bytesPerConnection = 0;
  #config: Config;
  /** Tables that counters may belong to, the newest last. */
  #tables: ForwardingTableData[] = [];
  #generation = 0;

  constructor(config: Config, facts: DirectorFacts, events: EventLog, routing: DirectRouting) {
    this.#config = config;
    this.#routing = routing;
    this.#facts = facts;
    this.#attachment = facts.attachment;
    this.#events = events;
    this.#quarantine = new Quarantine(events);
    this.#neighborNews = new NeighborNews(events);
    this.#monitor = new HealthMonitor({
      onTransition: (target, state, result) => this.#serverChanged(target, state, result),
      // A first result that is good is a transition, a bad one is none: nothing is up before it is checked.
      onResult: (target, result) => {
        if (!result.passed) this.#firstCheckFailed(target, result);
      },
      createChecker: (target) => this.#createChecker(target),
    });
  }

  get config(): Config {
    return this.#config;
  }

  /** Whether the datapath works. */
  get isForwarding(): boolean {
    return this.#isForwarding;
  }

  /** The table to start a datapath with: connections it knows go on, new ones wait until health is known. */
  firstTable(): ForwardingTableData {
    for (const { key } of this.#targets()) this.#unknown.add(key);
    return this.#nextTable();
  }

  /** Begins to check health and to steer a datapath that was started with {@linkcode firstTable}. */
  start(datapath: Datapath): void {
    this.#datapath = datapath;
    this.#isForwarding = true;
    this.#monitor.reconcile(this.#targets());
    this.#sample();
    this.#every(SAMPLE_INTERVAL_MS, () => this.#sample());
    this.#every(NEWS_INTERVAL_MS, () => this.#neighborNews.tick(performance.now()));
  }

  /** The datapath is about to be stopped, and nothing is forwarded until {@linkcode succeed}. */
  detached(): void {
    this.#isForwarding = false;
  }

  /** The table to start a successor of the datapath with, which is attached like this. */
  successorTable(attachment: Attachment): ForwardingTableData {
    this.#attachment = attachment;
    const { table } = this.#countedNow();
    // Nobody has the tables of successors that did not start.
    this.#tables = this.#tables.filter(({ generation }) => generation === table.generation);
    return this.#nextTable();
  }

  /** Steers another datapath from now on, which was started with {@linkcode successorTable}. */
  succeed(datapath: Datapath): void {
    this.#earlier.add(this.#countedNow());
    this.#datapath = datapath;
    this.#isForwarding = true;
    // What has changed while there was none reached nobody.
    this.#publish();
  }

  /**
   * Replaces the configuration. Connections, and the health of servers that stay, are kept.
   *
   * @param attachment The way to its real servers, by the same interfaces.
   */
  reload(config: Config, attachment: Attachment): void {
    const known = new Set(this.#targets().map(({ key }) => key));
    this.#config = config;
    this.#attachment = attachment;
    const targets = this.#targets();
    const wanted = new Set(targets.map(({ key }) => key));
    for (const key of this.#unknown) if (!wanted.has(key)) this.#unknown.delete(key);
    for (const key of this.#returnedAtMs.keys()) if (!wanted.has(key)) this.#returnedAtMs.delete(key);
    for (const key of wanted) if (!known.has(key)) this.#unknown.add(key);
    this.#monitor.reconcile(targets);
    this.#publish();
  }

  /** Takes note of what the datapath reports. */
  datapathReported(event: DatapathEvent): void {
    switch (event.kind) {
      case "started":
        this.#bytesPerConnection = event.bytesPerConnection;
        // What a successor adopts are the connections of this run.
        if (event.adoption.kind === "adopted" && this.#datapath === null) {
          const { connections } = event.adoption;
          this.#events.report(
            "info",
            "connections.adopted",
            `${connections} connections of an earlier run go on`,
          );
        } else if (event.adoption.kind === "refused") {
          const { reason } = event.adoption;
          this.#events.report(
            "warning",
            "connections.refused",
            `The earlier connection table is not used: ${reason}`,
          );
        }
        break;
      case "neighborLearnt":
        this.#routing.checks.neighborChanged(event.address, event.mac);
        this.#neighborNews.datapathReported(event, performance.now());
        break;
      case "neighborLost":
        this.#routing.checks.neighborChanged(event.address, null);
        this.#neighborNews.datapathReported(event, performance.now());
        break;
      case "groupsRefused":
        this.#events.report(
          "warning",
          "groups.refused",
          `Questions for IPv6 VIPs may not arrive: ${event.message}${
            event.remedy === null ? "" : ` (${event.remedy})`
          }`,
        );
        break;
      case "groupsJoined":
        this.#events.report("info", "groups.joined", "Questions for all IPv6 VIPs arrive again");
        break;
      case "applied":
      case "fault":
        break;
    }
  }

  /** Takes note that checks of type `dr` can be made, or cannot. */
  checksChanged(): void {
    this.#publish();
  }

  /** Takes note of what the wire sentinel sees. */
  wireReported(alarms: readonly WireAlarm[], totals: WireTotals): void {
    this.#alarms = alarms;
    this.#wire = totals;
    if (this.#quarantine.adopt(this.#config, alarms)) this.#publish();
  }

  /** What there is to show. */
  snapshot(): StatusSnapshot {
    return statusSnapshot({
      ...this.#facts,
      ...this.#earlier.plus(this.#countedNow()),
      isForwarding: this.#isForwarding,
      interfaces: this.#attachment.interfaces,
      config: this.#config,
      bytesPerConnection: this.#bytesPerConnection,
      events: this.#events.newest,
      probeAddresses: this.#routing.probeAddresses,
      alarms: this.#alarms,
      wire: this.#wire,
      weightOf: (service, server) => this.#weightOf(service, server),
      standingOf: (service, server) => this.#standingOf(service, server),
      lastCheckOf: (service, server) => this.#monitor.lastResult(serverKey(service, server)),
      auditOf: ({ vip }, { address }) => this.#routing.audits.statusOf(address, vip),
      hostOf: ({ address }) => this.#routing.hosts.reportOf(address),
      connectionsPerSecondOf: (service, server) => this.#rates.rateOf(serverKey(service, server)),
    });
  }

  /** What the datapath has counted, be it stopped, and the table that belongs to. */
  #countedNow(): Counted {
    const counters = this.#datapath?.counters() ?? EMPTY_COUNTERS;
    const table = this.#tables.find(({ generation }) => generation === counters.generation);
    return { table: table ?? { generation: 0, services: [] }, counters };
  }

  #weightOf(service: VirtualService, server: RealServer): number {
    const data = this.#tables.at(-1)?.services.find(({ name }) => name === service.name);
    return data?.destinations.find(({ address }) => address === server.address)?.weight ?? 0;
  }

  /** Ends the health checks. The datapath stays its owner's to stop. */
  async stop(): Promise<void> {
    this.#isForwarding = false;
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers.clear();
    await this.#monitor.stop();
  }

  #targets(): HealthTarget[] {
    return this.#config.services.flatMap((service) =>
      service.health === null ? [] : service.servers.map((server) => ({
        key: serverKey(service, server),
        address: server.address,
        vip: service.vip,
        check: checkOfServer(service.health!, service, server),
      }))
    );
  }

  #createChecker(target: HealthTarget): Checker {
    const { address, check } = target;
    return check.type === "dr" ? this.#routing.checks.checkerOf(target) : createChecker(address, check);
  }

  #standingOf(service: VirtualService, server: RealServer): Standing {
    const standing = this.#healthOf(service, server);
    if (standing.state !== "up") return standing;
    const isHealthy = (other: RealServer) => this.#healthOf(service, other).state === "up";
    return this.#quarantine.holds(service, server, isHealthy) ? { state: "quarantined" } : standing;
  }

  #healthOf(service: VirtualService, server: RealServer): Standing {
    const key = serverKey(service, server);
    if (service.health === null) return { state: "up", returnedAtMs: null };
    if (this.#unknown.has(key)) {
      const isStuck = service.health.type === "dr" && this.#routing.checks.isStuck(server.address);
      return { state: isStuck ? "unchecked" : "unknown" };
    }
    if (this.#monitor.state(key) === "down") return { state: "down" };
    return { state: "up", returnedAtMs: this.#returnedAtMs.get(key) ?? null };
  }

  #serverChanged(target: HealthTarget, state: "up" | "down", result: LastCheck): void {
    const isFirst = this.#unknown.delete(target.key);
    if (state === "down") this.#returnedAtMs.delete(target.key);
    else if (!isFirst) this.#returned(target.key);
    if (state === "up") {
      this.#events.report("info", "realserver.up", `${target.key} is up: ${result.message}`);
    } else {
      this.#events.report("error", "realserver.down", `${target.key} is down: ${result.message}`);
    }
    this.#publish();
  }

  #firstCheckFailed(target: HealthTarget, result: LastCheck): void {
    if (!this.#unknown.delete(target.key)) return;
    this.#events.report("error", "realserver.down", `${target.key} is down: ${result.message}`);
    this.#publish();
  }

  /** Begins the slow start of a server that had failed. */
  #returned(key: string): void {
    const stepMs = this.#slowStartMsOf(key) / SLOW_START_STEPS;
    if (stepMs === 0) return;
    const returnedAtMs = performance.now();
    this.#returnedAtMs.set(key, returnedAtMs);
    const timer = this.#every(stepMs, () => {
      // It may have failed again since.
      const isCurrent = this.#returnedAtMs.get(key) === returnedAtMs;
      const isOver = performance.now() - returnedAtMs >= this.#slowStartMsOf(key);
      if (isCurrent && isOver) this.#returnedAtMs.delete(key);
      if (!isCurrent || isOver) {
        clearInterval(timer);
        this.#timers.delete(timer);
      }
      if (isCurrent) this.#publish();
    });
  }

  /** Slow start a server has now; a reload may have changed it. */
  #slowStartMsOf(key: string): number {
    const service = this.#config.services.find((candidate) =>
      candidate.servers.some((server) => serverKey(candidate, server) === key)
    );
    return service?.slowStartMs ?? 0;
  }

  #publish(): void {
    if (!this.#isForwarding) return;
    const table = this.#nextTable();
    this.#datapath?.replaceTable(table);
    this.#reportAvailability(table);
    this.#quarantine.report(this.#config.services, (...pair) => this.#standingOf(...pair).state);
  }

  #reportAvailability({ services }: ForwardingTableData): void {
    const names = new Set(services.map(({ name }) => name));
    for (const name of this.#unavailable) if (!names.has(name)) this.#unavailable.delete(name);
    for (const { name, isSettling, destinations } of services) {
      const isAvailable = destinations.some(({ weight }) => weight > 0);
      if (isAvailable && this.#unavailable.delete(name)) {
        this.#events.report("info", "service.available", `Service ${name} has a usable real server again`);
      } else if (!isAvailable && !isSettling && !this.#unavailable.has(name)) {
        this.#unavailable.add(name);
        this.#events.report("error", "service.unavailable", `No real server of ${name} can be used`);
      }
    }
  }

  #nextTable(): ForwardingTableData {
    this.#generation += 1;
    const standingOf = (service: VirtualService, server: RealServer) => this.#standingOf(service, server);
    const table = forwardingTable(
      this.#config,
      this.#generation,
      standingOf,
      performance.now(),
      (server) => egressOf(this.#attachment, server),
    );
    // Counters belong to an earlier table for a moment, and several tables may be made within one.
    const counted = this.#datapath?.counters().generation ?? 0;
    this.#tables = [...this.#tables.filter(({ generation }) => generation >= counted), table];
    return table;
  }

  #sample(): void {
    const { services } = this.snapshot();
    const totals = new Map<string, number>();
    for (const service of services) {
      for (const server of service.servers) {
        totals.set(serverKey(service, server), server.connections);
      }
    }
    this.#rates.sample(totals, performance.now());
    if (this.#quarantine.look(services)) this.#publish();
  }

  #every(intervalMs: number, action: () => void): number {
    const timer = setInterval(action, intervalMs);
    this.#timers.add(timer);
    return timer;
  }
}
