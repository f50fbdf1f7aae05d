/**
 * Which real servers are up: runs their health checks and reports when one changes.
 *
 * @module
 */

import type { HealthCheck, HttpCheck, TcpCheck } from "../model/config.ts";
import type { LastCheck } from "../model/status_snapshot.ts";
import type { Checker, CheckResult } from "./checker.ts";
import { HttpChecker } from "./http_checker.ts";
import { Probe } from "./probe.ts";
import { type HealthState, NEW_STANDING, nextStanding, type Standing } from "./standing.ts";
import { TcpChecker } from "./tcp_checker.ts";
import { SYSTEM_TIMERS, type Timers } from "./timers.ts";

/** The first checks of many servers are spread over this time, or their interval if that is shorter. */
const STAGGER_MS = 200;

/** A real server as one virtual service sees it. */
export interface HealthTarget {
  /** Unique, and the same from one `reconcile()` to the next. */
  readonly key: string;
  /** Canonical IP address of the real server. */
  readonly address: string;
  /** Canonical IP address that clients connect to; what a check of type `dr` connects to as well. */
  readonly vip: string;
  readonly check: HealthCheck;
}

export interface HealthMonitorOptions {
  /** A target has come up or gone down. May call `reconcile()`. */
  readonly onTransition: (target: HealthTarget, state: HealthState, result: LastCheck) => void;
  /** A target was checked; called before `onTransition`. */
  readonly onResult?: (target: HealthTarget, result: LastCheck) => void;
  /** @default {SYSTEM_TIMERS} */
  readonly timers?: Timers;
  /** Makes the checker of a target. @default {@linkcode createChecker}, which knows no check of type `dr`. */
  readonly createChecker?: (target: HealthTarget) => Checker;
}

interface Watched {
  readonly target: HealthTarget;
  readonly probe: SharedProbe;
  standing: Standing;
  lastResult: LastCheck | null;
}

/** A probe and its last result; targets that ask the same of the same server share it. */
interface SharedProbe {
  readonly probe: Probe;
  lastResult: LastCheck | null;
}

export class HealthMonitor {
  readonly #onTransition: (target: HealthTarget, state: HealthState, result: LastCheck) => void;
  readonly #onResult: (target: HealthTarget, result: LastCheck) => void;
  readonly #timers: Timers;
  readonly #createChecker: (target: HealthTarget) => Checker;
  #watched = new Map<string, Watched>();
  #probes = new Map<string, SharedProbe>();
  readonly #stopping = new Set<Promise<void>>();

  constructor(options: HealthMonitorOptions) {
    this.#onTransition = options.onTransition;
    this.#onResult = options.onResult ?? (() => {});
    this.#timers = options.timers ?? SYSTEM_TIMERS;
    this.#createChecker = options.createChecker ?? createDirectChecker;
  }

  /**
   * Watches these targets from now on, and no others. A target that was watched under the same key and address keeps
   * its state, and its schedule too if its check is the same. A new one is down until its first result, unless another
   * target has the same check of the same address already: then it takes over that result before this returns.
   */
  reconcile(targets: readonly HealthTarget[]): void {
    const before = this.#watched;
    const unused = this.#probes;
    this.#watched = new Map();
    this.#probes = new Map();
    const started: Probe[] = [];
    const joined: Watched[] = [];
    for (const target of targets) {
      const question = questionOf(target);
      let probe = this.#probes.get(question) ?? unused.get(question);
      if (!probe) {
        probe = this.#createProbe(target);
        started.push(probe.probe);
      }
      this.#probes.set(question, probe);
      unused.delete(question);
      const known = before.get(target.key);
      const inherits = known?.target.address === target.address;
      const watched: Watched = {
        target,
        probe,
        standing: inherits ? known.standing : NEW_STANDING,
        lastResult: inherits ? known.lastResult : null,
      };
      this.#watched.set(target.key, watched);
      if (known?.probe !== probe && probe.lastResult) joined.push(watched);
    }
    for (const { probe } of unused.values()) this.#retire(probe);
    this.#startStaggered(started, targets);
    for (const watched of joined) this.#apply(watched, watched.probe.lastResult!);
  }

  /** `down` also for a target that is not watched. */
  state(key: string): HealthState {
    return this.#watched.get(key)?.standing.state ?? "down";
  }

  /** `null` before the first check and for a target that is not watched. */
  lastResult(key: string): LastCheck | null {
    return this.#watched.get(key)?.lastResult ?? null;
  }

  /** Watches nothing any more; resolves when no check is under way. There are no calls back afterwards. */
  async stop(): Promise<void> {
    this.reconcile([]);
    await Promise.all(this.#stopping);
  }

  #createProbe(target: HealthTarget): SharedProbe {
    const { intervalMs, timeoutMs } = target.check;
    const shared: SharedProbe = {
      probe: new Probe({
        checker: this.#createChecker(target),
        intervalMs,
        timeoutMs,
        timers: this.#timers,
        onResult: (result) => this.#publish(shared, result),
      }),
      lastResult: null,
    };
    return shared;
  }

  #startStaggered(probes: readonly Probe[], targets: readonly HealthTarget[]): void {
    const spanMs = targets.reduce((span, { check }) => Math.min(span, check.intervalMs), STAGGER_MS);
    probes.forEach((probe, index) => probe.start(index * spanMs / probes.length));
  }

  #retire(probe: Probe): void {
    const ended = probe.stop().finally(() => this.#stopping.delete(ended));
    this.#stopping.add(ended);
  }

  #publish(probe: SharedProbe, result: CheckResult): void {
    const dated = { ...result, at: new Date(this.#timers.unixMs()).toISOString() };
    probe.lastResult = dated;
    for (const watched of [...this.#watched.values()]) {
      if (watched.probe === probe) this.#apply(watched, dated);
    }
  }

  #apply(watched: Watched, result: LastCheck): void {
    const { target } = watched;
    // A call back for another target may have replaced this one.
    if (this.#watched.get(target.key) !== watched) return;
    const before = watched.standing.state;
    watched.standing = nextStanding(watched.standing, result.passed, target.check);
    watched.lastResult = result;
    const { state } = watched.standing;
    this.#onResult(target, result);
    if (state !== before) this.#onTransition(target, state, result);
  }
}

/** The checker for a kind of check that asks the real server's own address. */
export function createChecker(address: string, check: TcpCheck | HttpCheck): Checker {
  switch (check.type) {
    case "tcp":
      return new TcpChecker(address, check.port);
    case "http":
      return new HttpChecker(address, check);
  }
}

function createDirectChecker({ address, check }: HealthTarget): Checker {
  if (check.type === "dr") throw new TypeError("A check of type dr needs a checker of its owner's");
  return createChecker(address, check);
}

/** Equal for targets whose checks can be one: rise and fall are each target's own affair. */
function questionOf({ address, vip, check }: HealthTarget): string {
  const request = check.type === "http" ? [check.path, check.status] : check.type === "dr" ? [vip] : [];
  return JSON.stringify([check.type, address, check.port, ...request, check.intervalMs, check.timeoutMs]);
}
