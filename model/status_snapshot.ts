/**
 * What a director knows about itself at one moment. The page, `lvsdr status` and the metrics are views of
 * this one object; `GET /api/v1/status` is its JSON.
 *
 * @module
 */

import type { Protocol, SchedulerName } from "./config.ts";

/** `unresolved`: healthy as far as checks go, but nobody answers ARP for its address. */
export type RealServerState = "up" | "down" | "quiesced" | "unresolved";

/** Totals since the director started. Bytes are those of whole frames, from the client half only. */
export interface TrafficCounters {
  readonly connections: number;
  readonly packets: number;
  readonly bytes: number;
}

export interface LastCheck {
  readonly passed: boolean;
  /** For people, for example `TCP 10.0.0.5:80 refused`. */
  readonly message: string;
  readonly durationMs: number;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export interface RealServerStatus extends TrafficCounters {
  readonly address: string;
  /** `aa:bb:cc:dd:ee:ff`, or `null` while unresolved. */
  readonly mac: string | null;
  /** As configured. */
  readonly weight: number;
  /** What the scheduler uses now: 0 when down, less than {@linkcode weight} during slow start. */
  readonly effectiveWeight: number;
  readonly state: RealServerState;
  /** Whether connection thresholds keep new connections away. */
  readonly isOverloaded: boolean;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly connectionsPerSecond: number;
  readonly lastCheck: LastCheck | null;
}

export interface VirtualServiceStatus extends TrafficCounters {
  readonly name: string;
  readonly vip: string;
  readonly protocol: Protocol;
  /** For people and machines alike: `80,443`, `8000-8010`, `any`. */
  readonly ports: string;
  readonly scheduler: SchedulerName;
  readonly servers: readonly RealServerStatus[];
}

export type EventLevel = "info" | "warning" | "error";

export interface DirectorEvent {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly level: EventLevel;
  /** Dotted name, for example `realserver.down`; listed in the README. */
  readonly name: string;
  readonly message: string;
}

export interface VerdictCount {
  /** Name of the way a frame ended, for example `forwarded`. */
  readonly name: string;
  /** The same in a sentence. */
  readonly meaning: string;
  readonly frames: number;
}

export interface InterfaceStatus {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
}

export interface ConnectionTableStatus {
  readonly used: number;
  readonly capacity: number;
  readonly bytesPerConnection: number;
}

export interface StatusSnapshot {
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly uptimeSeconds: number;
  /** `standalone`: no other director is configured. */
  readonly ha: { readonly state: "standalone" };
  readonly datapath: {
    readonly mode: "pcap";
    readonly interface: InterfaceStatus;
    /** Generation of the forwarding table in use. */
    readonly generation: number;
    /** Frames the kernel had to drop because the capture ring was full. */
    readonly captureDrops: number;
    /** Frames the kernel did not accept for sending. */
    readonly transmitErrors: number;
  };
  readonly connectionTable: ConnectionTableStatus;
  readonly services: readonly VirtualServiceStatus[];
  readonly verdicts: readonly VerdictCount[];
  /** Newest first, at most 100. */
  readonly events: readonly DirectorEvent[];
}
