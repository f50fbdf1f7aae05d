/** Facts of hosts to examine, built from the few that matter to a test; the audit among them is the real one. */

import { parseConfig } from "../../../config/parse_config.ts";
import type { Method } from "../../../model/config.ts";
import type { StatusSnapshot } from "../../../model/status_snapshot.ts";
import { requirementsOf } from "../../../realserver/choose_method.ts";
import type { HostState } from "../../../realserver/host_state.ts";
import type { Target } from "../../../realserver/target.ts";
import type { DirectorFacts, Facts, HostFacts, RealServerFacts } from "../../../sentinel/doctor/facts.ts";
import type { ConfigFile } from "../../../sentinel/finding.ts";
import { hostState, link, REAL_SERVER_ADDRESS, sysctls, target, VIP } from "../../realserver/host_states.ts";
import { EMPTY, server, service } from "../../status/snapshots.ts";

export const PATH = "/etc/lvsdr.yaml";

export const HARDENED: HostState = hostState({
  links: [link("lo", "127.0.0.1/8", `${VIP}/32`), link("eth0", `${REAL_SERVER_ADDRESS}/24`)],
  sysctls: sysctls({ all: [1, 2, 0], lo: [0, 0, 0], eth0: [0, 0, 0] }),
});

/** A host with nothing on it but nginx. */
export function hostFacts(changes: Partial<HostFacts> = {}): HostFacts {
  return {
    links: HARDENED.links,
    sysctls: HARDENED.sysctls,
    listeners: [{ protocol: "tcp", address: "0.0.0.0", device: null, port: 80 }],
    translations: [],
    stoppedServers: [],
    proxies: [],
    unusable: [],
    reversePathDrops: 0,
    ipvs: [],
    keepalived: [],
    announcers: [],
    announced: [],
    sysctlFiles: [],
    ...changes,
  };
}

/** What a test changes of a real server. */
export interface RealServerChanges {
  readonly method?: Method;
  readonly state?: Partial<HostState>;
  readonly host?: Partial<HostFacts>;
  readonly realServer?: Partial<RealServerFacts>;
}

/** A real server that is hardened and held. */
export function realServerFacts(
  { method = "loopback", state: stateChanges = {}, ...changes }: RealServerChanges = {},
): Facts {
  const state = { ...HARDENED, ...stateChanges };
  const targets = [target()];
  const aimAt = (targets: readonly Target[]) => ({
    targets,
    wantedDevice: null,
    looseDevices: new Set<number>(),
  });
  return {
    role: "realserver",
    runDir: "/run/lvsdr",
    file: null,
    vips: [VIP],
    host: hostFacts({ links: state.links, sysctls: state.sysctls, ...changes.host }),
    directorJournal: null,
    realServer: {
      targets,
      method,
      strictInterfaces: [],
      requirements: requirementsOf(method, state, aimAt(targets)),
      redirection: requirementsOf("redirect", state, aimAt(changes.realServer?.targets ?? targets)),
      journal: { path: "/run/lvsdr/realserver.journal", steps: [], isKept: false, owner: 7, scope: null },
      programs: state.programs,
      ...changes.realServer,
    },
    director: null,
  };
}

/** What a test changes of a director. */
export interface DirectorChanges {
  readonly host?: Partial<HostFacts>;
  readonly director?: Partial<DirectorFacts>;
  readonly snapshot?: Partial<StatusSnapshot>;
  /** Further keys of the service. */
  readonly settings?: string;
  /** Servers of the service. */
  readonly servers?: string;
}

/** A director that is well. */
export function directorFacts(changes: DirectorChanges = {}): Facts {
  const links = [link("lo", "127.0.0.1/8"), link("eth0", "192.0.2.2/24")];
  return {
    role: "director",
    runDir: "/run/lvsdr",
    file: configFile(changes.settings, changes.servers),
    vips: [VIP],
    host: hostFacts({ links, ...changes.host }),
    directorJournal: null,
    realServer: null,
    director: {
      device: "eth0",
      snapshot: { ...EMPTY, services: [service("web", [server(REAL_SERVER_ADDRESS)])], ...changes.snapshot },
      silence: null,
      guarded: new Set([VIP]),
      filteringCards: [],
      realServerJournal: null,
      ...changes.director,
    },
  };
}

/** A configuration of one service. */
export function configFile(settings = "", servers = `[{ address: ${REAL_SERVER_ADDRESS} }]`): ConfigFile {
  const more = settings === "" ? "" : `, ${settings}`;
  const text = `services:\n  - { name: web, vip: ${VIP}, port: 80, servers: ${servers}${more} }\n`;
  return { config: parseConfig(text, PATH), path: PATH };
}
