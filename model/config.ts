/**
 * A validated cluster configuration: the YAML file of README "Configuration", with defaults filled in,
 * durations in milliseconds and addresses in canonical text form. Both roles read it.
 *
 * @module
 */

export const PROTOCOLS = ["tcp", "udp"] as const;
export type Protocol = typeof PROTOCOLS[number];

/** Scheduling algorithms by their ipvsadm(8) names. */
export const SCHEDULER_NAMES = [
  "rr",
  "wrr",
  "lc",
  "wlc",
  "lblc",
  "lblcr",
  "dh",
  "sh",
  "sed",
  "nq",
  "fo",
  "ovf",
  "mh",
  "twos",
] as const;
export type SchedulerName = typeof SCHEDULER_NAMES[number];

/** Flags that change how a hash scheduler picks, by their ipvsadm(8) names. */
export const SCHEDULER_OPTIONS = ["sh-port", "sh-fallback", "mh-port", "mh-fallback"] as const;
export type SchedulerOption = typeof SCHEDULER_OPTIONS[number];

/** The ways a host can be made a correct direct-routing real server. */
export const METHODS = ["loopback", "arptables", "nft", "redirect", "route"] as const;
export type Method = typeof METHODS[number];

export interface TcpCheck {
  readonly type: "tcp";
  readonly port: number;
}

export interface HttpCheck {
  readonly type: "http";
  readonly port: number;
  readonly path: string;
  /** The status code that counts as healthy. */
  readonly status: number;
}

/** How a checker decides, and how often. */
export interface HealthCheckTiming {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Successes in a row that bring a failed server back. */
  readonly rise: number;
  /** Failures in a row that take a server out. */
  readonly fall: number;
}

/** A connection through the VIP, handed to the real server as the director would and answered past it. */
export interface DrCheck {
  readonly type: "dr";
  /** A port of the service. */
  readonly port: number;
}

export type HealthCheck = (TcpCheck | HttpCheck | DrCheck) & HealthCheckTiming;

/** One real server of one virtual service. */
export interface RealServer {
  /** Canonical address of the VIP's family, on a link of the director. */
  readonly address: string;
  /** VLAN it is reached in through the director's interface, 1 to 4,094; `null` means untagged. */
  readonly vlan: number | null;
  /**
   * Port of the server that the service's only port is translated to by method `redirect` of the real server role;
   * `null` means the service's own ports.
   */
  readonly port: number | null;
  /** 0 to 65,535; 0 means quiesced: no new connections, old ones kept. */
  readonly weight: number;
  /** Connections at which the server counts as overloaded; 0 means no limit. */
  readonly maxConnections: number;
  /** Connections below which an overloaded server is used again. */
  readonly minConnections: number;
}

export interface Persistence {
  readonly timeoutMs: number;
  /** Prefix length of the client address that shares a template, 1 to 32 or 1 to 128 by the VIP's family. */
  readonly prefixLength: number;
}

/** Idle timeouts by protocol and state; names and defaults as in IPVS. */
export interface Timeouts {
  readonly establishedMs: number;
  readonly finMs: number;
  readonly udpMs: number;
}

/** What becomes of the connections of a real server that is removed or goes down. */
export type OnServerLoss = "reset" | "move" | "drop";

/** What becomes of a client packet that belongs to no connection and does not open one. */
export type OnUnknown = "reset" | "drop" | "schedule";

/** A range of ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A network of clients. */
export interface Prefix {
  /** Canonical address whose bits behind the prefix are 0. */
  readonly address: string;
  /** 0 to 32 or 0 to 128 by its family. */
  readonly length: number;
}

export interface VirtualService {
  readonly name: string;
  /** Canonical address. */
  readonly vip: string;
  /** VLAN its traffic arrives in at the director's interface, 1 to 4,094; `null` means untagged. */
  readonly vlan: number | null;
  readonly protocol: Protocol;
  /** Sorted, not overlapping; `[{ first: 1, last: 65535 }]` for `ports: any`. */
  readonly ports: readonly PortRange[];
  readonly scheduler: SchedulerName;
  readonly schedulerOptions: readonly SchedulerOption[];
  /** `null` means none. */
  readonly persistence: Persistence | null;
  /** Whether a quiesced server still gets new connections of clients that have a template. */
  readonly persistToQuiesced: boolean;
  /** Whether every UDP packet is scheduled on its own, without a connection. */
  readonly onePacket: boolean;
  readonly timeouts: Timeouts;
  readonly onServerLoss: OnServerLoss;
  readonly unknown: OnUnknown;
  /** Time over which a server that comes back gets its full weight; 0 means at once. */
  readonly slowStartMs: number;
  /** Clients that may use the service, of the VIP's family; empty means all. */
  readonly allow: readonly Prefix[];
  /** Clients that may not, whatever {@linkcode allow} says. */
  readonly deny: readonly Prefix[];
  /** Most new connections of one source (an IPv4 address, an IPv6 /64) a second; 0 means no limit. */
  readonly newConnectionsPerSource: number;
  /** `null` means always up. */
  readonly health: HealthCheck | null;
  /** In file order, which is the order schedulers see. At least one. */
  readonly servers: readonly RealServer[];
}

export interface DirectorConfig {
  /** `null` means: the interface whose subnet holds the VIPs. */
  readonly interface: string | null;
  /** Connections the table can hold. */
  readonly maxConnections: number;
  /** 32 hexadecimal digits shared by directors that must choose alike; `null` means generate and keep one. */
  readonly hashKey: string | null;
  /**
   * Address that proofs are made from, for services of its family; nobody may have it. `null` means choose a free one.
   */
  readonly probeAddress: string | null;
  /** Capture queues, each with a thread and a connection table of its own. */
  readonly workers: number;
  /** CPU each worker is bound to, in their order, as many as there are workers; `null` means none is bound. */
  readonly cpus: readonly number[] | null;
  /** Whether merged frames and unfinished checksums are dealt with, or the interface is told not to make them. */
  readonly offloads: "handle" | "disable";
  /** Whether a real server that is seen to answer for a VIP is taken out until it is clean. */
  readonly quarantine: boolean;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface StatusConfig {
  /** `null` means no TCP port; the Unix socket in the run directory is always there. */
  readonly listen: ListenAddress | null;
  /** Bearer token; required for anything but loopback. `null` means none. */
  readonly token: string | null;
}

/** The read-only status endpoint of the real server role, on the real server's own address. */
export interface RealServerStatusConfig {
  readonly port: number;
  readonly token: string;
}

export interface Config {
  readonly director: DirectorConfig;
  readonly status: StatusConfig;
  /** In file order; at least one. */
  readonly services: readonly VirtualService[];
  readonly realserver: {
    readonly method: Method | "auto";
    /** Where a real server tells about itself; `null` means nowhere. */
    readonly status: RealServerStatusConfig | null;
  };
}

/** VIPs of services, each once, in the order of the services. */
export function vipsOf({ services }: { readonly services: readonly { readonly vip: string }[] }): string[] {
  return [...new Set(services.map(({ vip }) => vip))];
}

/** Services of a configuration or a snapshot, as far as it is about who serves. */
interface Serving {
  readonly services: readonly { readonly servers: readonly { readonly address: string }[] }[];
}

/** Addresses of real servers, each once, in the order of the services. */
export function serverAddresses({ services }: Serving): string[] {
  return [...new Set(services.flatMap(({ servers }) => servers.map(({ address }) => address)))];
}
