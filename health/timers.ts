/**
 * Time as the health monitor sees it, so that tests can turn the hands.
 *
 * @module
 */

export interface Timers {
  /** Milliseconds of a clock that never goes back. */
  monotonicMs(): number;
  /** Milliseconds since 1970, UTC. */
  unixMs(): number;
  /** Runs something once, later; returns what {@linkcode Timers.cancel} takes. */
  start(delayMs: number, run: () => void): number;
  cancel(timer: number): void;
}

/** The clocks and timers of this machine. */
export const SYSTEM_TIMERS: Timers = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
  start: (delayMs, run) => setTimeout(run, delayMs),
  cancel: (timer) => clearTimeout(timer),
};
