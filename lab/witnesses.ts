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

/** What takes longest of what the witnesses are asked. */
export const EXAMINATION = "lvsdr verify on the director, lvsdr doctor on every host";

/** Who says something, in the order in which they are asked. */
export type Witness = "sentinel" | "verify" | "doctor";

/** Something that is wrong, as a witness says it. */
export interface Statement {
  readonly witness: Witness;
  /** Name of the host it was said on. */
  readonly on: string;
  /** Name of an alarm, verdict of a finding of verify, or name of a check. */
  readonly id: string;
  /** Name of the host that it is about. */
  readonly about: string;
  readonly problem: string;
  /** What to type on that host; `null` if no command can help. */
  readonly command: string | null;
  /** What a person has to do besides, or `null`. */
  readonly advice: string | null;
}

/** What `lvsdr verify --json` prints, as far as it is needed here. */
interface Verification {
  readonly findings: readonly {
    readonly verdict: string;
    readonly host: string;
    readonly problem: string;
    readonly command: string;
  }[];
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
    const { findings } = await this.#ask<Verification>(director, `lvsdr verify -c ${configFile} --json`);
    return findings.map(({ verdict, host, problem, command }) => ({
      witness: "verify",
      on: director.name,
      id: verdict,
      about: nameOfHost(topology, host),
      problem,
      command,
      advice: null,
    }));
  }

  /** What `lvsdr doctor` finds on a host. */
  async doctor(host: LabHost): Promise<Statement[]> {
    const { topology, configFile } = this.#cluster;
    const { findings } = await this.#ask<Diagnosis>(host, `lvsdr doctor -c ${configFile} --json`);
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

  /** The JSON that a command on a host prints, whatever its exit code. */
  async #ask<Answer>(host: LabHost, command: string): Promise<Answer> {
    const { stdout, stderr } = await this.#terminal.run(host, command);
    if (stdout !== "") return JSON.parse(stdout);
    throw new HostError(command, `Cannot examine ${host.name}: ${stderr.trim()}`, ExitCode.FAILED);
  }
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
