/**
 * Everything the checks of the doctor look at, read once. Plain data: a test writes it down as it likes.
 *
 * @module
 */

import type { FilteringCard } from "../../host/vlan_filter.ts";
import type { Link } from "../../host/links.ts";
import type { JournalReading } from "../../host/read_journal.ts";
import type { SysctlKey } from "../../host/sysctl.ts";
import type { Translation } from "../../host/translations.ts";
import type { Method, Protocol } from "../../model/config.ts";
import type { StatusSnapshot } from "../../model/status_snapshot.ts";
import type { FilterProgram } from "../../realserver/host_state.ts";
import type { Requirement } from "../../realserver/requirement.ts";
import type { FileSetting } from "../../realserver/sysctl_files.ts";
import type { Target } from "../../realserver/target.ts";
import type { ConfigFile } from "../finding.ts";
import type { Keepalived, StoppedServer } from "./programs.ts";
import type { RoleJournal } from "./role_journal.ts";
import type { StrictInterface } from "./strict_interfaces.ts";

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

/** What is read on every host. */
export interface HostFacts {
  readonly links: readonly Link[];
  readonly sysctls: ReadonlyMap<SysctlKey, string>;
  readonly listeners: readonly Listener[];
  readonly translations: readonly Translation[];
  readonly stoppedServers: readonly StoppedServer[];
  readonly proxies: readonly ProxyEntry[];
  readonly unusable: readonly UnusableAddress[];
  /** Packets that the reverse path filter dropped since boot (`IPReversePathFilter` of /proc/net/netstat). */
  readonly reversePathDrops: number;
  readonly ipvs: readonly IpvsService[];
  readonly keepalived: readonly Keepalived[];
  /** Lines of scripts that run when an interface comes up, and announce addresses. */
  readonly announcers: readonly FileLine[];
  /** Lines of interface files with addresses that the network scripts announce. */
  readonly announced: readonly FileLine[];
  /** What files set at boot, or with `sysctl --system`. */
  readonly sysctlFiles: readonly FileSetting[];
}

/** What is read on a real server. */
export interface RealServerFacts {
  readonly targets: readonly Target[];
  readonly method: Method;
  /** The audit of `lvsdr realserver --check`. */
  readonly requirements: readonly Requirement[];
  /** What method redirect would require of the host; `null` if that cannot be told. */
  readonly redirection: readonly Requirement[] | null;
  readonly strictInterfaces: readonly StrictInterface[];
  /** What `lvsdr realserver` has written down; `null` if there is nothing. */
  readonly journal: RoleJournal | null;
  /** Programs for filter rules that are installed. */
  readonly programs: ReadonlySet<FilterProgram>;
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
  /** Cards that keep frames of the configuration's VLANs away. */
  readonly filteringCards: readonly FilteringCard[];
  /** Journal of `lvsdr realserver` in the same run directory. */
  readonly realServerJournal: RoleJournal | null;
}

export interface Facts {
  readonly role: Role;
  readonly runDir: string;
  readonly file: ConfigFile | null;
  readonly vips: readonly string[];
  readonly host: HostFacts;
  /** What `lvsdr director` has written down in the run directory; `null` if there is nothing. */
  readonly directorJournal: JournalReading | null;
  /** `null` on a director. */
  readonly realServer: RealServerFacts | null;
  /** `null` on a real server. */
  readonly director: DirectorFacts | null;
}
