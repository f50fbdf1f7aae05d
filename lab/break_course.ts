/**
 * The course of every mistake: it is made on a host, the client suffers, lvsdr names the host and the cause, what it says
 * is typed there, and the client is fine again.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { BreakName } from "./break_name.ts";
import { type Break, BREAKS, type Place, sufferingOf } from "./breaks.ts";
import type { Cluster } from "./cluster.ts";
import type { Process } from "./namespace.ts";
import type { Report } from "./report.ts";
import { isFine, type Look, observeClient, type Symptom, symptomText } from "./symptom.ts";
import type { Terminal } from "./terminal.ts";
import { type LabHost, type LabRealServer, type Topology } from "./topology.ts";
import { EXAMINATION, type Statement, type Witnesses } from "./witnesses.ts";

/** Who answers first is a race, and so is who is believed last: a client is looked at so often before one gives up. */
const MOST_ROUNDS = 30;
/** What cannot be asked for counts as over when it was not heard for a minute. */
const MOST_WAIT_MS = 120_000;
const POLL_INTERVAL_MS = 250;
/** Each time, everything that is still said to be wrong has been typed, or had the time to be noticed as mended. */
const MOST_VISITS = 4;

/** One command, word for word. */
export interface Prescription {
  readonly host: string;
  readonly witness: Statement["witness"];
  readonly id: string;
  readonly command: string;
  /** Whether it did what it is for: its exit code is 0, or the role that it is goes on. */
  readonly works: boolean;
}

/** What came of one mistake. */
export interface BreakReport {
  readonly name: BreakName;
  /** Name of the host it was made on. */
  readonly host: string;
  readonly suffers: boolean;
  /** What was measured at the client while the mistake stood, one line each. */
  readonly suffering: readonly string[];
  readonly statements: readonly Statement[];
  /** Whether everybody who can name the cause and the host has done so, and nobody accuses another host. */
  readonly isNamed: boolean;
  readonly typed: readonly Prescription[];
  readonly recovers: boolean;
  /** What was measured at the client in the end, one line each. */
  readonly recovery: readonly string[];
  /** What is said to be wrong in the end. */
  readonly left: readonly Statement[];
}

/** Whether a mistake was suffered from, named and mended by commands that work. */
export function isAsExpected({ suffers, isNamed, typed, recovers, left }: BreakReport): boolean {
  return suffers && isNamed && typed.length > 0 && typed.every(({ works }) => works) && recovers &&
    left.length === 0;
}

export class BreakCourse {
  readonly #cluster: Cluster;
  readonly #terminal: Terminal;
  readonly #witnesses: Witnesses;
  readonly #report: Report;
  readonly #signal: AbortSignal;

  constructor(
    cluster: Cluster,
    terminal: Terminal,
    witnesses: Witnesses,
    report: Report,
    signal: AbortSignal,
  ) {
    this.#cluster = cluster;
    this.#terminal = terminal;
    this.#witnesses = witnesses;
    this.#report = report;
    this.#signal = signal;
  }

  /** Makes the mistake and, unless it is to stay, mends it. */
  async run(name: BreakName, stays: boolean): Promise<BreakReport> {
    const mistake = BREAKS[name];
    const place = this.#placeOf(mistake);
    const { host } = place;
    this.#report.heading(`--break ${name}: ${host.name} ${mistake.story}`);
    const rival = await this.#make(mistake, place);
    const { suffers, symptom } = await this.#suffer(mistake, place);
    const suffering = symptomText(symptom, this.#topology);
    this.#report.claim(sufferingOf(mistake, place).claim.replace(/\bit\b/, host.name), suffers, suffering);
    const statements = await this.#listen(mistake, place);
    const isNamed = isNamedBy(statements, mistake, place);
    this.#report.claim(`lvsdr names ${host.name} and the cause`, isNamed, statements.map(statementText));
    const made = { name, host: host.name, suffers, suffering, statements, isNamed };
    if (stays) return { ...made, typed: [], recovers: false, recovery: [], left: statements };

    const typed = await this.#mend(mistake, place, statements, rival);
    const { look } = sufferingOf(mistake, place);
    const { recovers, recovery } = await this.#recover({ ...look, isAskingAnew: true });
    // A second director that has ended is nobody's patient any more.
    const left = await this.#left(mistake.culprit === "spare" ? [] : place.topology.realServers);
    const isMended = recovers && left.length === 0;
    this.#report.claim("The client is fine, and no finding is left", isMended, [
      ...recovery,
      ...left.map(statementText),
    ]);
    return { ...made, typed, recovers, recovery, left };
  }

  /** Looks at the client until it is fine, or for a while. */
  async #recover(look: Look): Promise<{ readonly recovers: boolean; readonly recovery: readonly string[] }> {
    const topology = this.#topology;
    const symptom = await this.#report.during("waiting until the client is fine", async () => {
      for (let round = 1;; round++) {
        const seen = await observeClient(topology, look, this.#signal);
        if (isFine(seen, topology) || round === MOST_ROUNDS) return seen;
        await this.#pause();
      }
    });
    return { recovers: isFine(symptom, topology), recovery: symptomText(symptom, topology) };
  }

  /** Asks everybody what is wrong until nothing is, or for a while. */
  async #left(patients: readonly LabHost[]): Promise<readonly Statement[]> {
    const deadlineMs = performance.now() + MOST_WAIT_MS;
    await this.#report.during(
      "waiting until no alarm stands: what was only heard counts for a minute",
      async () => {
        while ((await this.#witnesses.alarms()).length > 0 && performance.now() < deadlineMs) {
          await this.#pause();
        }
      },
    );
    return await this.#report.during(EXAMINATION, async () => {
      for (let visit = 1;; visit++) {
        const left = await this.#witnesses.statements(patients);
        if (left.length === 0 || visit === MOST_VISITS) return left;
        await this.#pause();
      }
    });
  }

  get #topology(): Topology {
    return this.#cluster.topology;
  }

  #placeOf({ culprit }: Break): Place {
    const { topology, theft, configFile } = this.#cluster;
    const host = culprit === "spare" ? topology.spare! : topology.realServers.at(-1)!;
    return { topology, host, theft, configFile };
  }

  /** Returns the role that the mistake consists of, if it does. */
  async #make({ culprit, commands, isListeningElsewhere }: Break, place: Place): Promise<Process | null> {
    const { host } = place;
    let rival: Process | null = null;
    if (culprit === "real server") {
      await this.#report.step(
        `${host.name}: nothing hardens it any more`,
        () => this.#cluster.unharden(host as LabRealServer),
      );
    }
    for (const command of commands(place)) {
      this.#report.command(host.name, command);
      const { process } = await this.#terminal.require(host, command);
      if (process === null) continue;
      rival = process;
      this.#cluster.adopt(host, process);
    }
    if (isListeningElsewhere) {
      await this.#report.step(
        `${host.name}: restart the web server on ${host.address} only`,
        () => this.#cluster.startServer(host as LabRealServer, host.address),
      );
    }
    return rival;
  }

  async #suffer(
    mistake: Break,
    place: Place,
  ): Promise<{ readonly suffers: boolean; readonly symptom: Symptom }> {
    const { look, shows } = sufferingOf(mistake, place);
    const { occasion } = mistake;
    const symptom = await this.#report.during(
      "the client asks for the VIP, and for what it serves",
      async () => {
        for (let round = 1;; round++) {
          if (occasion !== undefined) await this.#terminal.require(place.host, occasion);
          const seen = await observeClient(this.#topology, look, this.#signal);
          if (shows(seen, place) || round === MOST_ROUNDS) return seen;
        }
      },
    );
    return { suffers: shows(symptom, place), symptom };
  }

  /** Waits for the alarms that are to come, then asks everybody else. */
  async #listen(mistake: Break, place: Place): Promise<readonly Statement[]> {
    const { expected: { sentinel }, occasion } = mistake;
    const deadlineMs = performance.now() + MOST_WAIT_MS;
    const isHeard = async () => {
      const ids = (await this.#witnesses.alarms()).map(({ id }) => id);
      return sentinel.every((id) => isAmong(ids, id));
    };
    await this.#report.during("waiting until the director notices what it can hear", async () => {
      while (!await isHeard() && performance.now() < deadlineMs) await this.#pause();
    });
    if (occasion !== undefined) await this.#terminal.require(place.host, occasion);
    return await this.#report.during(
      EXAMINATION,
      () => this.#witnesses.statements(patientsOf(mistake, place)),
    );
  }

  async #mend(
    { cure, culprit }: Break,
    { host }: Place,
    statements: readonly Statement[],
    rival: Process | null,
  ): Promise<readonly Prescription[]> {
    const typed: Prescription[] = [];
    const [first] = statements.filter((statement) => isFor(host, statement))
      .filter(({ witness }) => witness === cure);
    if (first !== undefined) {
      typed.push(await this.#obey(host, first, async () => rival === null || await this.#ends(rival)));
    }
    for (let visit = 0; culprit === "real server" && visit < MOST_VISITS; visit++) {
      const diagnosis = await this.#report.during(
        `lvsdr doctor on ${host.name}`,
        () => this.#witnesses.doctor(host),
      );
      const findings = diagnosis.filter((finding) => isFor(host, finding));
      if (findings.length === 0) break;
      for (const finding of findings) typed.push(await this.#obey(host, finding));
    }
    return typed;
  }

  /** Types what a statement says; `isDone` tells whether a command that ends without an error did its work. */
  async #obey(
    host: LabHost,
    { witness, id, command }: Statement & { readonly command: string },
    isDone: () => Promise<boolean> = () => Promise.resolve(true),
  ): Promise<Prescription> {
    this.#report.line(`  What ${witness} says against ${id}, typed word for word:`);
    this.#report.command(host.name, command);
    const { process, code, output } = await this.#report.during(
      "waiting until that has done its work",
      () => this.#terminal.type(host, command),
    );
    if (process !== null) this.#cluster.adopt(host, process);
    else this.#report.output(output);
    const works = process !== null || (code === 0 && await isDone());
    if (!works) this.#report.claim("That did its work", false, [`exit code ${code}`]);
    return { host: host.name, witness, id, command, works };
  }

  /** Whether a process that somebody was to end has ended. */
  async #ends(process: Process): Promise<boolean> {
    for (let round = 0; round < MOST_ROUNDS && !process.hasEnded; round++) await this.#pause();
    return process.hasEnded;
  }

  async #pause(): Promise<void> {
    await delay(POLL_INTERVAL_MS, undefined, { signal: this.#signal });
  }
}

/** Hosts besides the director that a doctor is for. */
function patientsOf({ culprit, expected }: Break, { host, topology }: Place): readonly LabHost[] {
  return culprit === "real server" ? topology.realServers : expected.doctor.length > 0 ? [host] : [];
}

/** Whether a statement has a command to type on a host. */
function isFor(host: LabHost, statement: Statement): statement is Statement & { readonly command: string } {
  return statement.about === host.name && statement.command !== null;
}

function isNamedBy(
  statements: readonly Statement[],
  { expected, culprit, consequences = [] }: Break,
  { host }: Place,
): boolean {
  const said = (witness: Statement["witness"], on: string) =>
    statements.filter((statement) => statement.witness === witness && statement.on === on);
  // A second director takes the first for the intruder.
  const isFair = statements.every(({ about, on, id }) =>
    about === host.name || (culprit === "spare" && on === host.name) || consequences.includes(id)
  );
  return isFair && (["sentinel", "verify", "doctor"] as const).every((witness) => {
    const ids = said(witness, witness === "doctor" ? host.name : "director").map(({ id }) => id);
    return expected[witness].every((id) => isAmong(ids, id));
  });
}

function statementText({ witness, on, id, problem }: Statement): string {
  return `${witness} on ${on}: ${id}: ${problem}`;
}

/** Whether one of the names that `expected` allows was said. */
function isAmong(ids: readonly string[], expected: string): boolean {
  return expected.split("|").some((id) => ids.includes(id));
}
