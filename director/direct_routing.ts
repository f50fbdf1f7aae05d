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
import type { ServerAudit } from "../model/status_snapshot.ts";
import type { ConfigFile } from "../sentinel/finding.ts";
import { findVantages, type Vantages } from "../sentinel/vantage.ts";
import { assertCheckable, DrChecks } from "./dr_checks.ts";
import type { EventLog } from "./events.ts";
import type { HeldAddress } from "./guard_chains.ts";
import { HostReports } from "./host_reports.ts";
import { ServerAudits } from "./server_audits.ts";
import { Turns } from "./turns.ts";

const AUDIT_INTERVAL_MS = 5 * 60_000;

export class DirectRouting {
  readonly audits: ServerAudits;
  readonly checks: DrChecks;
  readonly hosts = new HostReports();
  readonly #events: EventLog;
  readonly #device: string;
  #onProbeAddresses: () => void = () => {};
  #file: ConfigFile;
  #timer = 0;
  /** What was last reported to be in the way of an audit; empty if nothing is. */
  #obstacle = "";
  /** Why some real servers cannot be looked at, by their addresses. */
  #unseen: Vantages["unseen"] = new Map();
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
    };
  }

  /**
   * Audits at once, every five minutes from now on, and whenever others can be looked at than before.
   *
   * @param onProbeAddresses {@linkcode probeAddresses} have changed.
   */
  start(onProbeAddresses: () => void): void {
    this.#onProbeAddresses = onProbeAddresses;
    this.hosts.start();
    void this.#auditAndRepeat();
    this.#lookOut = new LookOut({
      reporters: [{ words: INTERFACE_REPORTS, isRelevant: () => true }],
      look: () => this.#followInterfaces(),
      onFailure: (error) => this.#reportObstacle(error),
    });
  }

  /**
   * Audits every real server for every VIP it serves.
   *
   * @throws {OperatorError} If some cannot be asked.
   */
  async audit(): Promise<readonly ServerAudit[]> {
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
      { only: null, director: this.#device },
    );
  }

  #adopt(vantages: Vantages): void {
    this.#unseen = vantages.unseen;
    this.audits.adopt(this.#file, vantages);
    this.checks.adopt(this.#file.config, vantages);
    this.hosts.adopt(this.#file.config);
  }

  /** Returns true: what is in the way of looking is nothing to try again before it changes. */
  async #followInterfaces(): Promise<boolean> {
    const before = new Set(this.#unseen.keys());
    await this.lookAgain();
    if (before.symmetricDifference(this.#unseen).size > 0) void this.#auditAndRepeat();
    return true;
  }

  async #auditAndRepeat(): Promise<void> {
    try {
      await this.audit();
      this.#obstacle = "";
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.#reportObstacle(error);
    }
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#auditAndRepeat(), AUDIT_INTERVAL_MS);
  }

  #reportObstacle(error: OperatorError): void {
    const reason = inOneLine(error);
    if (reason !== this.#obstacle) {
      this.#events.report("warning", "audit.failed", `Not every real server can be audited: ${reason}`);
    }
    this.#obstacle = reason;
  }
}
