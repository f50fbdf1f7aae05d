/**
 * What a running director does on the wire to know that direct routing works: the audits of its real servers, and the
 * health checks that go through the VIPs.
 *
 * @module
 */

import { INTERFACE_REPORTS } from "../host/interface_reports.ts";
import { readLinks } from "../host/links.ts";
import { LookOut } from "../host/look_out.ts";
import { type Config, vipsOf } from "../model/config.ts";
import { inOneLine, OperatorError } from "../model/operator_error.ts";
import type { AuditReport } from "../model/status_snapshot.ts";
import type { ConfigFile } from "../sentinel/finding.ts";
import { findVantages, type Vantages } from "../sentinel/vantage.ts";
import { assertCheckable, DrChecks } from "./dr_checks.ts";
import type { EventLog } from "./events.ts";
import type { HeldAddress } from "./guard_chains.ts";
import { HostReports } from "./host_reports.ts";
import { ServerAudits } from "./server_audits.ts";
import { Turns } from "./turns.ts";

const AUDIT_INTERVAL_MS = 5 * 60_000;
/** Obstacles that one event tells: many real servers may have one each. */
const MOST_OBSTACLES = 3;

export class DirectRouting {
  readonly audits: ServerAudits;
  readonly checks: DrChecks;
  readonly hosts = new HostReports();
  readonly #events: EventLog;
  readonly #device: string;
  #onProbeAddresses: () => void = () => {};
  #file: ConfigFile;
  #timer = 0;
  /** What was last seen to be in the way of an audit. */
  #obstacles: ReadonlySet<string> = new Set();
  /** Each real server with a VIP that it can be asked for, or with what is in the way. */
  #outlook: ReadonlySet<string> = new Set();
  /** Looks at this host's interfaces: what was seen last counts. */
  readonly #looks = new Turns();
  #lookOut: LookOut | null = null;
  #isStopped = false;

  /** @param device Interface of the VIPs. */
  constructor(file: ConfigFile, device: string, events: EventLog) {
    this.#file = file;
    this.#device = device;
    this.#events = events;
    this.audits = new ServerAudits(file, events);
    this.checks = new DrChecks({ events, onAddresses: () => this.#onProbeAddresses() });
  }

  /** Addresses that the director answers for besides the VIPs. */
  get probeAddresses(): readonly HeldAddress[] {
    return this.checks.probeAddresses;
  }

  /**
   * Looks whether a configuration can be used.
   *
   * @returns Puts it to use.
   * @throws {OperatorError} If a real server cannot be checked as it is to be.
   */
  async prepare(config: Config): Promise<() => void> {
    const vantages = await this.#look(config);
    assertCheckable(config, vantages);
    return () => {
      this.#file = { ...this.#file, config };
      this.#adopt(vantages);
      // The interfaces may have been looked at again since.
      this.#lookOut?.lookSoon();
    };
  }

  /**
   * Audits at once, every five minutes from now on, and whenever others can be asked than before: because of this
   * host's interfaces, or of a reload.
   *
   * @param onProbeAddresses {@linkcode probeAddresses} have changed.
   */
  start(onProbeAddresses: () => void): void {
    this.#onProbeAddresses = onProbeAddresses;
    this.hosts.start();
    void this.#auditAndRepeat();
    this.#lookOut = new LookOut({
      reporters: [{ words: INTERFACE_REPORTS, isRelevant: () => true }],
      // What is in the way of looking is nothing to try again before it changes.
      look: () => this.lookAgain().then(() => true),
      onFailure: (error) => this.#reportObstacles([inOneLine(error)]),
    });
  }

  /**
   * Audits every real server that can be asked for every VIP it serves.
   *
   * @throws {OperatorError} If this host's interfaces cannot be looked at.
   */
  async audit(): Promise<AuditReport> {
    await this.lookAgain();
    return await this.audits.auditAll();
  }

  /** Takes note of what has become of this host's interfaces. */
  lookAgain(): Promise<void> {
    return this.#looks.take(async () => {
      const { config } = this.#file;
      const vantages = await this.#look(config);
      // A reload meanwhile has seen more.
      if (!this.#isStopped && config === this.#file.config) this.#adopt(vantages);
    });
  }

  /** Ends whatever goes on; resolves when the interfaces have been let go. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#lookOut?.[Symbol.asyncDispose]();
    this.checks.stop();
    this.hosts.stop();
    await this.audits.stop();
  }

  async #look(config: Config): Promise<Vantages> {
    return findVantages(
      await readLinks(),
      config.services.flatMap(({ servers }) => servers),
      new Set(vipsOf(config)),
      { only: null, director: this.#device, asker: "director" },
    );
  }

  #adopt(vantages: Vantages): void {
    this.audits.adopt(this.#file, vantages);
    this.checks.adopt(this.#file.config, vantages);
    this.hosts.adopt(this.#file.config);
    const before = this.#outlook;
    this.#outlook = outlookOf(this.#file.config, vantages);
    const isAsBefore = this.#outlook.symmetricDifference(before).size === 0;
    if (this.#lookOut !== null && !isAsBefore) void this.#auditAndRepeat();
  }

  async #auditAndRepeat(): Promise<void> {
    try {
      this.#reportObstacles((await this.audit()).obstacles);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.#reportObstacles([inOneLine(error)]);
    }
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#auditAndRepeat(), AUDIT_INTERVAL_MS);
  }

  /** Reports all of them when there are others than before. */
  #reportObstacles(obstacles: readonly string[]): void {
    const before = this.#obstacles;
    this.#obstacles = new Set(obstacles);
    if (obstacles.length === 0 || this.#obstacles.symmetricDifference(before).size === 0) return;
    const told = obstacles.slice(0, MOST_OBSTACLES).join("; ");
    const more = obstacles.length - MOST_OBSTACLES;
    const rest = more > 0 ? `; and ${more} more, which POST /api/v1/audit tells` : "";
    this.#events.report("warning", "audit.failed", `Not every real server can be audited: ${told}${rest}`);
  }
}

function outlookOf({ services }: Config, { unseen }: Vantages): Set<string> {
  return new Set(
    services.flatMap(({ vip, servers }) =>
      servers.map(({ address }) => `${address} ${vip} ${unseen.get(address)?.message ?? ""}`)
    ),
  );
}
