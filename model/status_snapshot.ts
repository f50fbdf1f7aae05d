/**
 * What a director knows about itself at one moment. The page, `lvsdr status` and the metrics are views of
 * this one object; `GET /api/v1/status` is its JSON.
 *
 * @module
 */

import type { Method, Protocol, SchedulerName } from "./config.ts";
import type { HostLoad } from "./host_status.ts";

/**
 * `unresolved`: healthy as far as checks go, but nobody answers ARP or Neighbor Discovery for its address.
 * `quarantined`: healthy, but seen to take a VIP for itself, so that it gets no new connections.
 */
export type RealServerState = "up" | "down" | "quiesced" | "unresolved" | "quarantined";

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

/**
 * What a real server does when it is asked, by ARP or Neighbor Discovery, for a VIP it serves: `hardened` is silent as it
 * must be, `answers` may take the VIP's traffic, `unreachable` does not answer for its own address either. `contested`:
 * several hosts answer for that, or one for several real servers, so that it cannot be told which of them it is.
 */
export type AuditVerdict = "hardened" | "answers" | "unreachable" | "contested";

/** What became of the question to one real server for one VIP. */
export interface ServerAudit {
  readonly server: string;
  readonly vip: string;
  readonly verdict: AuditVerdict;
  /** MAC of the real server, or `null` if it is unreachable or contested. */
  readonly mac: string | null;
}

/** The last audit of a real server. */
export interface AuditStatus {
  readonly verdict: AuditVerdict;
  /** When it was asked; ISO 8601, UTC. */
  readonly at: string;
}

/** What a real server said of its own host when it was last asked: `silent` if it said nothing. */
export type HostReport =
  | {
    readonly kind: "told";
    /** ISO 8601, UTC. */
    readonly at: string;
    readonly method: Method;
    /** Facts that do not hold. */
    readonly factsWrong: number;
    /** The first of them, for example `arp_ignore on eth0`. */
    readonly wrongFacts: readonly string[];
    /** Why the host cannot be looked at or repaired; `null` if it can. */
    readonly trouble: string | null;
    readonly load: HostLoad;
  }
  | {
    readonly kind: "silent";
    /** ISO 8601, UTC. */
    readonly at: string;
    /** For people, for example `192.0.2.21:8481 refused`. */
    readonly reason: string;
  };

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
  /** `null` if it was not asked yet, or cannot be from the director's host. */
  readonly audit: AuditStatus | null;
  /** `null` if `realserver.status` is not configured, or it was not asked yet. */
  readonly host: HostReport | null;
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

/** What can be wrong with who says that it has a VIP. README "Alarms" says what each means. */
export const WIRE_ALARM_NAMES = [
  "vip_answered_by_other",
  "vip_leaked_as_sender",
  "gratuitous_by_realserver",
  "duplicate_director",
  "proxy_arp",
  "stranger",
] as const;
export type WireAlarmName = typeof WIRE_ALARM_NAMES[number];

/** Somebody else says that it has a VIP. */
export interface WireAlarm {
  readonly name: WireAlarmName;
  readonly vip: string;
  /** MAC that was claimed for the VIP. */
  readonly mac: string;
  /** Address of the real server that has the MAC, or `null` if none has. */
  readonly realServer: string | null;
  /** What is wrong, for people, without a full stop. */
  readonly sentence: string;
  /** Where {@linkcode command} is to be typed, for people. */
  readonly host: string;
  /** What helps. */
  readonly command: string;
  /** ISO 8601, UTC. */
  readonly firstSeen: string;
  /** ISO 8601, UTC. */
  readonly lastSeen: string;
  /** Packets it rests on. */
  readonly count: number;
}

/** Totals since the director started to watch ARP and Neighbor Discovery. */
export interface WireTotals {
  /** Alarms, those that stand included. */
  readonly raised: Readonly<Record<WireAlarmName, number>>;
  /** Times a VIP was announced because somebody else had claimed it. */
  readonly defences: number;
  /** Packets that could not be looked at because there were too many. */
  readonly missed: number;
}

export interface InterfaceStatus {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
}

/** One of the threads that forward frames, each those of its own clients. */
export interface WorkerStatus {
  /** CPU it is bound to, or `null`. */
  readonly cpu: number | null;
  /** Frames it has received, whatever became of them. */
  readonly frames: number;
  /** Frames the kernel had to drop because its capture ring was full. */
  readonly captureDrops: number;
  /** Entries of its connection table. */
  readonly connections: number;
}

/** An address that the director answers for, to check real servers through their VIPs from it. */
export interface ProbeAddress {
  readonly address: string;
  /** Name of the interface it is answered for on. */
  readonly interface: string;
}

/** What came of asking all real servers. */
export interface AuditReport {
  /** Verdicts on those that could be asked. */
  readonly audits: readonly ServerAudit[];
  /** What kept the others from being asked, each once: a sentence, with the remedy in brackets. */
  readonly obstacles: readonly string[];
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
    /** Not before it has started, and not while it cannot be started anew at interfaces that have changed. */
    readonly isForwarding: boolean;
    /** That of the VIPs. */
    readonly interface: InterfaceStatus;
    /** Further ones that real servers are reached by. */
    readonly uplinks: readonly InterfaceStatus[];
    /** Generation of the forwarding table in use. */
    readonly generation: number;
    /** Frames the kernel had to drop because the capture ring was full. */
    readonly captureDrops: number;
    /** Frames the kernel did not accept for sending. */
    readonly transmitErrors: number;
    readonly workers: readonly WorkerStatus[];
  };
  readonly connectionTable: ConnectionTableStatus;
  readonly services: readonly VirtualServiceStatus[];
  /** One for each subnet with real servers that have a check of type `dr`, once it is found. */
  readonly probeAddresses: readonly ProbeAddress[];
  /** Those that stand, the oldest first; at most 64. */
  readonly alarms: readonly WireAlarm[];
  readonly wire: WireTotals;
  readonly verdicts: readonly VerdictCount[];
  /** Newest first, at most 100. */
  readonly events: readonly DirectorEvent[];
}
