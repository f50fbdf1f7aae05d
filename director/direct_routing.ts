/**
 * What a running director does on the wire to know that direct routing works: the audits of its real servers, and the
 * health checks that go through the VIPs.
 *
 * @module
 */

import { readLinks } from "../host/links.ts";
import type { Config } from "../model/config.ts";
import { inOneLine, OperatorError } from "../model/operator_error.ts";
import type { ServerAudit } from "../model/status_snapshot.ts";
import type { ConfigFile } from "../sentinel/finding.ts";
import { findVantages, type Vantages } from "../sentinel/vantage.ts";
import { assertCheckable, DrChecks } from "./dr_checks.ts";
import type { EventLog } from "./events.ts";
import type { HeldAddress } from "./guard_chains.ts";
import { HostReports } from "./host_reports.ts";
import { ServerAudits } from "./server_audits.ts";

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
  /** Whether the last audit could not be made. */
  #hasFailed = false;
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
   * Audits at once, and every five minutes from now on.
   *
   * @param onProbeAddresses {@linkcode probeAddresses} have changed.
   */
  start(onProbeAddresses: () => void): void {
    this.#onProbeAddresses = onProbeAddresses;
    this.hosts.start();
    void this.#auditAndRepeat();
  }

  /**
   * Audits every real server for every VIP it serves.
   *
   * @throws {OperatorError} If an interface cannot be used.
   */
  async audit(): Promise<readonly ServerAudit[]> {
    await this.lookAgain();
    return await this.audits.auditAll();
  }

  /** Takes note of what has become of this host's interfaces. */
  async lookAgain(): Promise<void> {
    const { config } = this.#file;
    const vantages = await this.#look(config);
    // A reload meanwhile has seen more.
    if (!this.#isStopped && config === this.#file.config) this.#adopt(vantages);
  }

  /** Ends whatever goes on; resolves when the interfaces have been let go. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.checks.stop();
    this.hosts.stop();
    await this.audits.stop();
  }

  async #look(config: Config): Promise<Vantages> {
    return findVantages(
      await readLinks(),
      config.services.flatMap(({ servers }) => servers),
      new Set(config.services.map(({ vip }) => vip)),
      { only: null, director: this.#device },
    );
  }

  #adopt(vantages: Vantages): void {
    this.audits.adopt(this.#file, vantages.vantages);
    this.checks.adopt(this.#file.config, vantages);
    this.hosts.adopt(this.#file.config);
  }

  async #auditAndRepeat(): Promise<void> {
    try {
      await this.audit();
      this.#hasFailed = false;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      if (!this.#hasFailed) {
        this.#events.report("warning", "audit.failed", `Real servers cannot be audited: ${inOneLine(error)}`);
      }
      this.#hasFailed = true;
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#auditAndRepeat(), AUDIT_INTERVAL_MS);
  }
}
