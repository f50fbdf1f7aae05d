/**
 * What lvsdr itself says is wrong with a lab: the wire sentinel of the running director, `lvsdr verify` on the director's
 * host, and `lvsdr doctor` on every host it is for.
 *
 * @module
 */

import { HostError } from "../model/operator_error.ts";
import { ExitCode } from "../model/exit_code.ts";
import type { WireAlarm } from "../model/status_snapshot.ts";
import type { Cluster } from "./cluster.ts";
import type { Terminal } from "./terminal.ts";
import type { LabHost, Topology } from "./topology.ts";

/** Who says something, in the order in which they are asked. */
export type Witness = "sentinel" | "verify" | "doctor";

/** Something that is wrong, as a witness says it. */
export interface Statement {
  readonly witness: Witness;
  /** Name of the host it was said on. */
  readonly on: string;
  /** Name of an alarm, verdict of a proof, or name of a check. */
  readonly id: string;
  /** Name of the host that it is about. */
  readonly about: string;
  readonly problem: string;
  /** What to type on that host; `null` if no command can help. */
  readonly command: string | null;
  /** What a person has to do besides, or `null`. */
  readonly advice: string | null;
}

/** What `lvsdr verify --json` prints, as far as it is needed here: each bad verdict has its finding, in this order. */
interface Verification {
  readonly audits: readonly { readonly verdict: string }[];
  readonly holders: readonly { readonly macs: readonly string[] }[];
  readonly proofs: readonly { readonly outcome: { readonly verdict: string } }[];
  readonly findings: readonly { readonly host: string; readonly problem: string; readonly command: string }[];
}

/** What `lvsdr doctor --json` prints, as far as it is needed here. */
interface Diagnosis {
  readonly findings: readonly {
    readonly id: string;
    readonly host: string;
    readonly problem: string;
    readonly fix: string | null;
    readonly advice: string | null;
  }[];
}

/** Verdicts of a proof that need no finding: served, or told by the audit already. */
const SPARED_VERDICTS = ["ok", "ok_other_mac", "unreachable", "not_provable"];

export class Witnesses {
  readonly #cluster: Cluster;
  readonly #terminal: Terminal;

  constructor(cluster: Cluster, terminal: Terminal) {
    this.#cluster = cluster;
    this.#terminal = terminal;
  }

  /**
   * Everything that is said to be wrong now.
   *
   * @param patients Hosts besides the director that are part of the cluster.
   */
  async statements(patients: readonly LabHost[]): Promise<Statement[]> {
    // Doctors of directors tell of the last audit; without this it may be five minutes old.
    await this.#cluster.audit();
    const { director } = this.#cluster.topology;
    const verified = await this.#verify();
    const diagnosed = await Promise.all([director, ...patients].map((host) => this.doctor(host)));
    return [...await this.alarms(), ...verified, ...diagnosed.flat()];
  }

  /** What the running director has noticed by itself. */
  async alarms(): Promise<Statement[]> {
    const { topology } = this.#cluster;
    return ((await this.#cluster.status())?.alarms ?? []).map((alarm) => ({
      witness: "sentinel",
      on: topology.director.name,
      id: alarm.name,
      about: hostOfAlarm(topology, alarm),
      problem: alarm.sentence,
      command: alarm.command,
      advice: null,
    }));
  }

  async #verify(): Promise<Statement[]> {
    const { topology, configFile } = this.#cluster;
    const { director } = topology;
    const { stdout, stderr } = await this.#terminal.run(director, `lvsdr verify -c ${configFile} --json`);
    if (stdout === "") return [refusal(topology, stderr)];
    const { audits, holders, proofs, findings } = JSON.parse(stdout) as Verification;
    const ids = [
      ...audits.map(({ verdict }) => verdict).filter((verdict) => verdict !== "hardened"),
      ...holders.filter(({ macs }) => macs.length > 1).map(() => "several_holders"),
      ...proofs.map(({ outcome }) => outcome.verdict).filter((verdict) => !SPARED_VERDICTS.includes(verdict)),
    ];
    return findings.map(({ host, problem, command }, index) => ({
      witness: "verify",
      on: director.name,
      id: ids[index] ?? "unknown",
      about: nameOfHost(topology, host),
      problem,
      command,
      advice: null,
    }));
  }

  /** What `lvsdr doctor` finds on a host. */
  async doctor(host: LabHost): Promise<Statement[]> {
    const { topology, configFile } = this.#cluster;
    const { stdout, stderr } = await this.#terminal.run(host, `lvsdr doctor -c ${configFile} --json`);
    if (stdout === "") {
      throw new HostError("lvsdr doctor", `Cannot examine ${host.name}: ${stderr.trim()}`, ExitCode.FAILED);
    }
    const { findings } = JSON.parse(stdout) as Diagnosis;
    return findings.map(({ id, host: about, problem, fix, advice }) => ({
      witness: "doctor",
      on: host.name,
      id,
      about: about === "this host" ? host.name : nameOfHost(topology, about),
      problem,
      command: fix,
      advice,
    }));
  }
}

/** What verify says where it cannot even look: somebody has the address that it would look from. */
function refusal(topology: Topology, text: string): Statement {
  return {
    witness: "verify",
    on: topology.director.name,
    id: "refused",
    about: hostsOf(topology).find(({ mac }) => text.includes(mac))?.name ?? topology.director.name,
    problem: text.trim().split("\n")[0]!,
    command: null,
    advice: null,
  };
}

function hostOfAlarm(topology: Topology, { realServer, host }: WireAlarm): string {
  return nameOfHost(topology, realServer ?? host);
}

/** Name of the host with the address, or with the MAC address that a text ends with; the text itself if there is none. */
function nameOfHost(topology: Topology, text: string): string {
  return hostsOf(topology).find(({ address, mac }) => address === text || text.endsWith(mac))?.name ?? text;
}

function hostsOf({ client, director, realServers, spare }: Topology): LabHost[] {
  return [client, director, ...realServers, ...(spare === null ? [] : [spare])];
}
