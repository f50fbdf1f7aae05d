/**
 * A bound on how often something may be done.
 *
 * @module
 */

/** Tokens that are spent one at a time and come back with time. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  /**
   * @param perSecond Tokens that come back in a second.
   * @param burst Tokens there are at most, and at the start.
   * @param nowMs Monotonic.
   */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  /** Whether there was a token to spend. */
  take(nowMs: number): boolean {
    const gained = (nowMs - this.#filledAtMs) / 1_000 * this.#perSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
