/**
 * What the control plane and a datapath Worker say to each other. Tables are replaced whole.
 *
 * @module
 */

import type {
  OnServerLoss,
  OnUnknown,
  PortRange,
  Prefix,
  SchedulerName,
  SchedulerOption,
} from "../model/config.ts";
import type { Decision, ExplainQuestion } from "../model/explanation.ts";
import type { Mac } from "../model/ip_address.ts";
import type { FanOutGroups } from "./pcap_port.ts";
import type { Steering } from "./steering.ts";

export interface DestinationData {
  readonly address: string;
  /** VLAN it is reached in; `null` means untagged. */
  readonly vlan: number | null;
  /** Interface it is reached by: 0 for that of the VIPs, from 1 on the uplinks of {@linkcode StartData}. */
  readonly egress: number;
  /** What the scheduler is to use; 0 for quiesced, and during slow start less than configured. */
  readonly weight: number;
  /** Whether its health check failed: it gets nothing, and its connections follow `onServerLoss`. */
  readonly isDown: boolean;
  readonly maxConnections: number;
  readonly minConnections: number;
}

export interface ServiceData {
  readonly name: string;
  readonly vip: string;
  /** VLAN the VIP is in, the same for all services of a VIP; `null` means untagged. */
  readonly vlan: number | null;
  /** IP protocol number. */
  readonly protocol: number;
  readonly ports: readonly PortRange[];
  readonly scheduler: SchedulerName;
  readonly schedulerOptions: readonly SchedulerOption[];
  /** Milliseconds; 0 means no persistence. */
  readonly persistenceMs: number;
  readonly persistencePrefix: number;
  readonly persistToQuiesced: boolean;
  readonly onePacket: boolean;
  readonly establishedMs: number;
  readonly finMs: number;
  readonly udpMs: number;
  readonly onServerLoss: OnServerLoss;
  readonly unknown: OnUnknown;
  /** Clients that may open connections; empty means all. */
  readonly allow: readonly Prefix[];
  /** Clients that may not, whatever {@linkcode allow} says. */
  readonly deny: readonly Prefix[];
  /** Most new connections of one source a second; 0 means no limit. */
  readonly newConnectionsPerSource: number;
  /** Health is not known yet: a new connection that finds no server is left unanswered, so that it is tried again. */
  readonly isSettling: boolean;
  readonly destinations: readonly DestinationData[];
}

/** Everything that decides where a frame goes. */
export interface ForwardingTableData {
  /** Rises with every table. */
  readonly generation: number;
  readonly services: readonly ServiceData[];
}

/** Where the loads of the servers of a table are (shared_loads.ts), by service and server. */
export type LoadCellsOfTable = readonly Int32Array<ArrayBuffer>[];

/** An address of the interface, to ask for neighbours with. */
export interface InterfaceAddress {
  readonly address: string;
  readonly prefixLength: number;
}

/** The part of the traffic a Worker has. */
export interface WorkerShare {
  /** From 0. The first one also resolves neighbours, and answers for VIPs. */
  readonly number: number;
  readonly steering: Steering;
  /** Where the first one receives; `null` for that one itself, and for one that is alone. */
  readonly groups: FanOutGroups | null;
  /** CPU its thread is bound to; `null` means none. */
  readonly cpu: number | null;
  /** See shared_loads.ts; `null` for one that is alone. */
  readonly loads: SharedArrayBuffer | null;
}

/** An interface to use. */
export interface InterfaceData {
  readonly device: string;
  readonly interfaceIndex: number;
  readonly mac: Mac;
  /** Largest IP packet it takes. */
  readonly mtu: number;
  readonly addresses: readonly InterfaceAddress[];
}

/** The interface is that of the VIPs. */
export interface StartData extends InterfaceData {
  readonly share: WorkerShare;
  /** Further interfaces that real servers are reached by. */
  readonly uplinks: readonly InterfaceData[];
  /** File of the connection table; made if it is not there. */
  readonly tableFile: string;
  readonly maxConnections: number;
  /** Tells this boot of the host from others. */
  readonly bootId: string;
  /** Four words shared by directors that must choose alike. */
  readonly hashKey: Uint32Array;
  /** See counters.ts. */
  readonly counters: SharedArrayBuffer;
  /** Descriptor that is written to when there is a message to read, or a reason to stop. */
  readonly wakeFd: number;
  /** See {@linkcode Control}. */
  readonly control: SharedArrayBuffer;
  readonly table: ForwardingTableData;
  readonly cells: LoadCellsOfTable;
}

/** 32-bit words of the control buffer. */
export const Control = {
  /** Rises with every message the Worker is to read between breaths. */
  MAILBOX: 0,
  /** Not zero: end after this breath. */
  STOP: 1,
  /** Rises with every tick: the sign of life a watchdog looks at. */
  HEARTBEAT: 2,
  BYTES: 16,
} as const;

export type ToDatapath =
  | { readonly kind: "start"; readonly start: StartData }
  /** Every Worker has started: what arrives is now yours. */
  | { readonly kind: "forward" }
  /** Every Worker has halted: let go of the interface. */
  | { readonly kind: "close" }
  | { readonly kind: "table"; readonly table: ForwardingTableData; readonly cells: LoadCellsOfTable }
  /** To the first one only: announce a VIP once. */
  | { readonly kind: "announce"; readonly vip: string }
  /** What the first Worker has found out about a neighbour; no MAC: it is lost. */
  | {
    readonly kind: "neighbor";
    readonly address: string;
    readonly vlan: number;
    readonly mac: string | null;
  }
  /** Answered by "explained" with the same number. */
  | { readonly kind: "explain"; readonly number: number; readonly question: ExplainQuestion };

/** What became of the connection table of an earlier run. */
export type Adoption =
  | { readonly kind: "fresh" }
  | { readonly kind: "adopted"; readonly connections: number }
  | { readonly kind: "refused"; readonly reason: string };

export type FromDatapath =
  | {
    readonly kind: "started";
    readonly adoption: Adoption;
    readonly bytesPerConnection: number;
    /** Where it receives; `null` if it is alone. */
    readonly groups: FanOutGroups | null;
  }
  | { readonly kind: "applied"; readonly generation: number }
  | {
    readonly kind: "neighborLearnt";
    readonly address: string;
    /** `UNTAGGED`, or the VLAN. */
    readonly vlan: number;
    readonly mac: string;
    readonly before: string | null;
  }
  | { readonly kind: "neighborLost"; readonly address: string; readonly vlan: number }
  /** Some groups of the VIPs cannot be joined; it goes on trying. */
  | { readonly kind: "groupsRefused"; readonly message: string; readonly remedy: string | null }
  /** After that: all are joined. */
  | { readonly kind: "groupsJoined" }
  | { readonly kind: "explained"; readonly number: number; readonly decision: Decision }
  | {
    readonly kind: "fault";
    readonly message: string;
    readonly remedy: string | null;
    /** `null`: a fault in the program, not in the host. */
    readonly exitCode: number | null;
  }
  /** It forwards no more, but what arrives for its clients still comes to it, and to no other Worker. */
  | { readonly kind: "halted" }
  | { readonly kind: "stopped" };
