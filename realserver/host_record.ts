/**
 * What the role knows of its own host while it holds it: the last look, and what has drifted.
 *
 * @module
 */

import type { HostDrift, HostStatus } from "../model/host_status.ts";
import { type Drift, namesText } from "./drift.ts";
import type { Look } from "./task.ts";

/** Drifts that are remembered. */
const MOST_DRIFTS = 50;

/** Age of the last look from which on nothing is known: twice the longest time between two looks. */
const STALE_MS = 60_000;

/** A drift, and the facts of it that do not hold yet. */
interface NotedDrift {
  readonly told: HostDrift;
  readonly wrong: ReadonlySet<string>;
}

export class HostRecord {
  readonly #version: string;
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  #last: { readonly look: Look; readonly at: string; readonly atMs: number } | null = null;
  #trouble: string | null = null;
  #drifts: readonly NotedDrift[] = [];

  /** @param nowMs Monotonic milliseconds. */
  constructor(version: string, nowMs = () => performance.now()) {
    this.#version = version;
    this.#nowMs = nowMs;
    this.#startedAtMs = nowMs();
  }

  /** Takes note of what the host is. */
  looked(look: Look): void {
    this.#last = { look, at: new Date().toISOString(), atMs: this.#nowMs() };
    this.#trouble = null;
  }

  /** Takes note that the host cannot be looked at or repaired. */
  troubled(message: string): void {
    this.#trouble = message;
  }

  /** Takes note of facts that do not hold any more. */
  drifted(drift: Drift, cause: string): void {
    const [{ found, wanted }] = drift;
    const facts = drift.map(({ fact }) => fact);
    const at = new Date().toISOString();
    const told = { at, fact: namesText(facts), found, wanted, cause, mendedAt: null };
    this.#drifts = [{ told, wrong: new Set(facts) }, ...this.#drifts].slice(0, MOST_DRIFTS);
  }

  /** Takes note of facts that hold again. */
  mended(facts: readonly string[]): void {
    const mendedAt = new Date().toISOString();
    const held = new Set(facts);
    this.#drifts = this.#drifts.map(({ told, wrong }) => {
      const left = wrong.difference(held);
      return { told: wrong.size > 0 && left.size === 0 ? { ...told, mendedAt } : told, wrong: left };
    });
  }

  /** What there is to tell; `null` before the first look. */
  status(): HostStatus | null {
    if (this.#last === null) return null;
    const { look: { choice, targets, requirements }, at: lookedAt, atMs } = this.#last;
    const nowMs = this.#nowMs();
    const ageMs = nowMs - atMs;
    const staleness = ageMs <= STALE_MS
      ? null
      : `The host has not been looked at for ${Math.floor(ageMs / 1_000)} s`;
    const trouble = this.#trouble ?? staleness;
    const [one = 0, five = 0, fifteen = 0] = Deno.loadavg();
    return {
      version: this.#version,
      at: new Date().toISOString(),
      uptimeSeconds: Math.floor((nowMs - this.#startedAtMs) / 1_000),
      method: choice.method,
      targets: targets.map(({ vip, device, realServerAddress }) => ({ vip, device, realServerAddress })),
      ok: trouble === null && requirements.every(({ holds }) => holds),
      facts: requirements.map(({ fact, found, wanted, holds, why }) => ({
        fact,
        found,
        wanted,
        ok: holds,
        why,
      })),
      lookedAt,
      trouble,
      drifts: this.#drifts.map(({ told }) => told),
      load: { averages: [one, five, fifteen], cpus: navigator.hardwareConcurrency },
    };
  }
}
