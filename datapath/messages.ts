/**
 * What the control plane and a datapath Worker say to each other. Tables are replaced whole.
 *
 * @module
 */

import type { OnServerLoss, OnUnknown, PortRange, SchedulerName, SchedulerOption } from "../model/config.ts";
import type { Mac } from "../model/ip_address.ts";

export interface DestinationData {
  readonly address: string;
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

/** An address of the interface, to ask for neighbours with. */
export interface InterfaceAddress {
  readonly address: string;
  readonly prefixLength: number;
}

export interface StartData {
  readonly device: string;
  readonly interfaceIndex: number;
  readonly mac: Mac;
  readonly mtu: number;
  readonly addresses: readonly InterfaceAddress[];
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
  | { readonly kind: "table"; readonly table: ForwardingTableData };

/** What became of the connection table of an earlier run. */
export type Adoption =
  | { readonly kind: "fresh" }
  | { readonly kind: "adopted"; readonly connections: number }
  | { readonly kind: "refused"; readonly reason: string };

export type FromDatapath =
  | { readonly kind: "started"; readonly adoption: Adoption; readonly bytesPerConnection: number }
  | { readonly kind: "applied"; readonly generation: number }
  | {
    readonly kind: "neighborLearnt";
    readonly address: string;
    readonly mac: string;
    readonly before: string | null;
  }
  | { readonly kind: "neighborLost"; readonly address: string }
  | {
    readonly kind: "fault";
    readonly message: string;
    readonly remedy: string | null;
    /** `null`: a fault in the program, not in the host. */
    readonly exitCode: number | null;
  }
  | { readonly kind: "stopped" };
