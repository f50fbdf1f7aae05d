/**
 * What a director would do with the first packet of a connection, and what it goes by.
 *
 * @module
 */

import type { Protocol, SchedulerName } from "./config.ts";

/** Which packet is asked about. */
export interface ExplainQuestion {
  /** Canonical address. */
  readonly client: string;
  /** `null` means that it is not known: then no connection can be, either. */
  readonly clientPort: number | null;
  /** Canonical address. */
  readonly vip: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** What a real server can take. */
export type ServerCondition = "usable" | "quiesced" | "unresolved" | "down";

/** A real server as the scheduler of a service sees it. */
export interface ServerSeen {
  readonly address: string;
  readonly condition: ServerCondition;
  /** What the scheduler goes by: 0 for quiesced, and during slow start less than configured. */
  readonly weight: number;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  /** Whether a connection threshold keeps new connections away. */
  readonly isOverloaded: boolean;
  /** `aa:bb:cc:dd:ee:ff`; `null` while it is not known. */
  readonly mac: string | null;
  /** Time since the server last said that this is its MAC. */
  readonly macAgeMs: number | null;
}

/** An entry of the connection table. */
export interface EntryFound {
  /** As `ipvsadm -Lc` has it. */
  readonly state: string;
  /** Until it is forgotten, should nothing come for it; never negative. */
  readonly expiresInMs: number;
  /** Address of its real server; `null` if that is no longer one of the service's. */
  readonly server: string | null;
  /** Of a template, the connections that hold it; of a connection `null`. */
  readonly holders: number | null;
}

/** A template of a persistent service. */
export interface TemplateFound extends EntryFound {
  readonly holders: number;
}

/** The frame that would leave. */
export interface FrameSent {
  /** Address of the real server it goes to; `null` for an answer to the client. */
  readonly server: string | null;
  /** `null` for an answer, which goes back to where the packet came from. */
  readonly destinationMac: string | null;
  readonly sourceMac: string;
  /** Interface it leaves by: 0 for that of the VIPs, from 1 on the uplinks. */
  readonly egress: number;
  /** `null` means untagged. */
  readonly vlan: number | null;
  /** TTL or hop limit of a packet that arrives with 64. */
  readonly hopLimit: number;
}

/** What the datapath does. */
export interface Decision {
  /** Number of the worker that has the client. */
  readonly worker: number;
  /** Name of the service that has the port; `null`: none. */
  readonly service: string | null;
  /** Whether allow or deny keep the client out of it. */
  readonly isDenied: boolean;
  /** New connections that the client's source may open right now; `null`: any number. */
  readonly newConnectionsLeft: number | null;
  readonly connection: EntryFound | null;
  /** Where the service's persistence sends the client. */
  readonly template: TemplateFound | null;
  /** Whether a new connection needs that a half-open one, or an idle template, makes room. */
  readonly isTableFull: boolean;
  readonly servers: readonly ServerSeen[];
  readonly verdict: { readonly name: string; readonly meaning: string };
  /** `null` if nothing leaves. */
  readonly sent: FrameSent | null;
}

/** What a service is configured to do with such a packet. */
export interface ServiceAsked {
  readonly name: string;
  /** `80,443`, `8000-8010` or `any`. */
  readonly ports: string;
  /** `null` means untagged. */
  readonly vlan: number | null;
  readonly scheduler: SchedulerName;
  /** Whether the scheduler goes by the client's port. */
  readonly usesClientPort: boolean;
  /** Whether every packet is scheduled on its own. */
  readonly isOnePacket: boolean;
  /** The network of the allow or deny list that decides, `NETWORK/LENGTH`; `null` if it is in none. */
  readonly network: { readonly list: "allow" | "deny"; readonly prefix: string } | null;
  readonly hasAllowList: boolean;
  /** New connections a second of one source; 0 means no limit. */
  readonly newConnectionsPerSource: number;
  /** Milliseconds; 0 means no persistence. */
  readonly persistenceMs: number;
  /** Bits of the client's address that share a template. */
  readonly persistencePrefix: number;
  /** Last health check of each real server in words, by address; one that is not checked is absent. */
  readonly checks: Readonly<Record<string, string>>;
}

/** What the director's own kernel does with the frame: it sees the same ones. */
export interface KernelView {
  /** The nft(8) table that drops it behind the tap, `FAMILY NAME`; `null` if none is in force. */
  readonly guard: string | null;
  /** Why the kernel would handle it without the guard, for example `net.ipv4.ip_forward is 1`; `null` if it would not. */
  readonly interference: string | null;
}

export interface Explanation {
  readonly question: ExplainQuestion;
  readonly decision: Decision;
  /** The service of the decision. */
  readonly service: ServiceAsked | null;
  /** Services that come near where none matches, in words. */
  readonly nearest: readonly string[];
  /** Names of the interfaces that frames leave by; they come in by the first. */
  readonly interfaces: readonly string[];
  readonly kernel: KernelView;
}
