/**
 * One health check that is repeated: every interval, counted from start to start, and never twice at a time.
 *
 * @module
 */

import type { Checker, CheckResult } from "./checker.ts";
import type { Timers } from "./timers.ts";

export interface ProbeOptions {
  readonly checker: Checker;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly timers: Timers;
  readonly onResult: (result: CheckResult) => void;
}

export class Probe {
  readonly #options: ProbeOptions;
  readonly #stopped = new AbortController();
  #timer = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  /** Runs a check after a delay and from then on one every interval. */
  start(delayMs: number): void {
    this.#timer = this.#options.timers.start(delayMs, () => this.#running = this.#run());
  }

  /** Stops for good; resolves when a check under way has ended. There is no result after the call. */
  stop(): Promise<void> {
    this.#stopped.abort();
    this.#options.timers.cancel(this.#timer);
    return this.#running;
  }

  async #run(): Promise<void> {
    const { checker, intervalMs, timeoutMs, timers, onResult } = this.#options;
    const startedMs = timers.monotonicMs();
    const result = await checker.check(timeoutMs, this.#stopped.signal);
    if (this.#stopped.signal.aborted) return;
    this.start(Math.max(0, startedMs + intervalMs - timers.monotonicMs()));
    onResult(result);
  }
}
