/**
 * What the role knows of its own host while it holds it: the last look, and what has drifted.
 *
 * @module
 */

import type { HostDrift, HostStatus } from "../model/host_status.ts";
import type { Requirement } from "./requirement.ts";
import type { Look } from "./task.ts";

/** Drifts that are remembered. */
const MOST_DRIFTS = 50;

export class HostRecord {
  readonly #version: string;
  readonly #startedAtMs = Date.now();
  #last: { readonly look: Look; readonly at: string } | null = null;
  #trouble: string | null = null;
  #drifts: readonly HostDrift[] = [];

  constructor(version: string) {
    this.#version = version;
  }

  /** Takes note of what the host is. */
  looked(look: Look): void {
    this.#last = { look, at: new Date().toISOString() };
    this.#trouble = null;
  }

  /** Takes note that the host cannot be looked at or repaired. */
  troubled(message: string): void {
    this.#trouble = message;
  }

  /** Takes note of a fact that does not hold any more. */
  drifted({ fact, found, wanted }: Requirement, cause: string): void {
    const drift = { at: new Date().toISOString(), fact, found, wanted, cause, mendedAt: null };
    this.#drifts = [drift, ...this.#drifts].slice(0, MOST_DRIFTS);
  }

  /** Takes note of a fact that holds again. */
  mended(fact: string): void {
    const mendedAt = new Date().toISOString();
    this.#drifts = this.#drifts.map((drift) =>
      drift.fact === fact && drift.mendedAt === null ? { ...drift, mendedAt } : drift
    );
  }

  /** What there is to tell; `null` before the first look. */
  status(): HostStatus | null {
    if (this.#last === null) return null;
    const { look: { choice, targets, requirements }, at: lookedAt } = this.#last;
    const nowMs = Date.now();
    const [one = 0, five = 0, fifteen = 0] = Deno.loadavg();
    return {
      version: this.#version,
      at: new Date(nowMs).toISOString(),
      uptimeSeconds: Math.floor((nowMs - this.#startedAtMs) / 1_000),
      method: choice.method,
      targets: targets.map(({ vip, device, realServerAddress }) => ({ vip, device, realServerAddress })),
      ok: this.#trouble === null && requirements.every(({ holds }) => holds),
      facts: requirements.map(({ fact, found, wanted, holds, why }) => ({
        fact,
        found,
        wanted,
        ok: holds,
        why,
      })),
      lookedAt,
      trouble: this.#trouble,
      drifts: this.#drifts,
      load: { averages: [one, five, fifteen], cpus: navigator.hardwareConcurrency },
    };
  }
}
