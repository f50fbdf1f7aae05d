/**
 * New connections per second of each real server, measured over the last second.
 *
 * @module
 */

/** Turns totals that are sampled now and then into rates. */
export class ConnectionRates {
  #totals = new Map<string, number>();
  #rates = new Map<string, number>();
  #sampledAtMs: number | null = null;

  /**
   * Takes the totals of this moment.
   *
   * @param nowMs Milliseconds of a clock that never goes back.
   */
  sample(totals: ReadonlyMap<string, number>, nowMs: number): void {
    const seconds = this.#sampledAtMs === null ? 0 : (nowMs - this.#sampledAtMs) / 1000;
    this.#rates = new Map();
    for (const [key, total] of totals) {
      const before = this.#totals.get(key);
      const isMeasured = seconds > 0 && before !== undefined;
      this.#rates.set(key, isMeasured ? Math.max(0, total - before) / seconds : 0);
    }
    this.#totals = new Map(totals);
    this.#sampledAtMs = nowMs;
  }

  /** Rate of a server; 0 before two samples. */
  rateOf(key: string): number {
    return this.#rates.get(key) ?? 0;
  }
}
