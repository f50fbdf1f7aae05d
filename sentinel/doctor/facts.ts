/**
 * Everything the checks of the doctor look at, read once. Plain data: a test writes it down as it likes.
 *
 * @module
 */

import type { Link } from "../../host/links.ts";
import type { Step } from "../../host/step.ts";
import type { SysctlKey } from "../../host/sysctl.ts";
import type { Protocol } from "../../model/config.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import type { Method } from "../../model/config.ts";
import type { Requirement } from "../../realserver/requirement.ts";
import type { Target } from "../../realserver/target.ts";
import type { ConfigFile } from "../finding.ts";

export const ROLES = ["director", "realserver"] as const;
export type Role = typeof ROLES[number];

/** A socket that waits for clients. */
export interface Listener {
  readonly protocol: Protocol;
  /** Canonical address, or `*` for every address of both families. */
  readonly address: string;
  /** The only interface it listens on, or `null`. */
  readonly device: string | null;
  readonly port: number;
}

/** An address that an interface answers for as a proxy (ip-neighbour(8)). */
export interface ProxyEntry {
  readonly address: string;
  readonly device: string;
}

/** An IPv6 address that cannot be used (RFC 4862 §5.4). */
export interface UnusableAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly device: string;
  /** Whether duplicate detection has found another holder, or is still going on. */
  readonly state: "dadfailed" | "tentative";
}

/** A virtual service of the kernel's own load balancer (ipvsadm(8)). */
export interface IpvsService {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
}

/** A line of a file. */
export interface FileLine {
  readonly path: string;
  readonly text: string;
}

/** A keepalived that runs in this network namespace. */
export interface Keepalived {
  readonly pid: number;
  readonly path: string;
  /** Its configuration. */
  readonly text: string;
}

/** A setting that a file would load at boot or with `sysctl --system`. */
export interface SysctlFileLine {
  readonly key: SysctlKey;
  readonly value: string;
  readonly path: string;
}

/** What is read on every host. */
export interface HostFacts {
  readonly links: readonly Link[];
  readonly sysctls: ReadonlyMap<SysctlKey, string>;
  readonly listeners: readonly Listener[];
  readonly proxies: readonly ProxyEntry[];
  readonly unusable: readonly UnusableAddress[];
  /** Packets that the reverse path filter dropped since boot (`IPReversePathFilter` of /proc/net/netstat). */
  readonly reversePathDrops: number;
  readonly ipvs: readonly IpvsService[];
  readonly keepalived: readonly Keepalived[];
  /** Lines of scripts that run when an interface comes up, and announce addresses. */
  readonly announcers: readonly FileLine[];
  readonly sysctlFiles: readonly SysctlFileLine[];
}

/** The undo journal of `lvsdr realserver`. */
export interface RoleJournal {
  readonly path: string;
  readonly steps: readonly Step[];
  /** Whether all steps were kept on purpose (`--once`). */
  readonly isKept: boolean;
  /** The process that holds this host, or `null` if it has ended. */
  readonly owner: number | null;
}

/** What is read on a real server. */
export interface RealServerFacts {
  readonly targets: readonly Target[];
  readonly method: Method;
  /** The audit of `lvsdr realserver --check`. */
  readonly requirements: readonly Requirement[];
  /** `null` if there is none. */
  readonly journal: RoleJournal | null;
}

/** What is read on a director. */
export interface DirectorFacts {
  /** Interface of the VIPs; `null` if it cannot be told. */
  readonly device: string | null;
  /** `null` if no director answers. */
  readonly snapshot: StatusSnapshot | null;
  /** Why there is no snapshot. */
  readonly silence: string | null;
  /** Addresses that the kernel is kept away from; `null` if nft(8) is not installed. */
  readonly guarded: ReadonlySet<string> | null;
  /** Journal of `lvsdr realserver` in the same run directory. */
  readonly realServerJournal: RoleJournal | null;
}

export interface Facts {
  readonly role: Role;
  readonly runDir: string;
  readonly file: ConfigFile | null;
  readonly vips: readonly string[];
  readonly host: HostFacts;
  /** `null` on a director. */
  readonly realServer: RealServerFacts | null;
  /** `null` on a real server. */
  readonly director: DirectorFacts | null;
}
