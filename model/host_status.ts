/**
 * What a real server tells about its own host: `GET /api/v1/status` of the real server role.
 *
 * @module
 */

import type { Method } from "./config.ts";

/** One thing that must hold of a correct real server. */
export interface HostFact {
  /** What is looked at, for example `arp_ignore on eth0`. */
  readonly fact: string;
  readonly found: string;
  readonly wanted: string;
  readonly ok: boolean;
  /** Why it matters, in one sentence without a full stop. */
  readonly why: string;
}

/** A fact that stopped to hold while the role held the host. */
export interface HostDrift {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly fact: string;
  readonly found: string;
  readonly wanted: string;
  /** What is known of who did it. */
  readonly cause: string;
  /** When the fact held again; ISO 8601, UTC; `null` if it does not yet. */
  readonly mendedAt: string | null;
}

/** How busy a host is. */
export interface HostLoad {
  /** Load averages of the last 1, 5 and 15 minutes, getloadavg(3). */
  readonly averages: readonly [number, number, number];
  readonly cpus: number;
}

/** A VIP that the host accepts. */
export interface HostTarget {
  readonly vip: string;
  /** Interface its traffic arrives on. */
  readonly device: string;
  /** Own address by which the director knows the host; `null` if it has none. */
  readonly realServerAddress: string | null;
}

export interface HostStatus {
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Time since the role started. */
  readonly uptimeSeconds: number;
  readonly method: Method;
  readonly targets: readonly HostTarget[];
  /** Whether every fact holds, and could be looked at. */
  readonly ok: boolean;
  /** As of {@linkcode lookedAt}; whatever changes is looked at within two seconds. */
  readonly facts: readonly HostFact[];
  /** ISO 8601, UTC. */
  readonly lookedAt: string;
  /** Why the host cannot be looked at or repaired; `null` if it can. */
  readonly trouble: string | null;
  /** Newest first, at most 50. */
  readonly drifts: readonly HostDrift[];
  readonly load: HostLoad;
}
