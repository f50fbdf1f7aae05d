/**
 * A host that `lvsdr doctor` examines in the tests, and on which what it says is typed as it stands.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Namespace, Process } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";
import type { Finding } from "../../sentinel/doctor/check.ts";
import type { Diagnosis } from "../../sentinel/doctor/doctor_text.ts";

/** Looks until a host must be cured. */
const MOST_LOOKS = 5;

export interface PatientPaths {
  /** Run directory of the host's role. */
  readonly runDir: string;
  readonly configFile: string;
  /** Folder with `lvsdr` in it; see {@linkcode makeProgramFolder}. */
  readonly programs: string;
  /** Folder that stands for /etc on this host; without it the machine's is seen. */
  readonly etc?: string;
}

/** Makes a folder with `lvsdr` in it, as the commands of the doctor name it. */
export async function makeProgramFolder(folder: string): Promise<string> {
  const words = selfCommand([]).map((word) => `'${word}'`).join(" ");
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/lvsdr`, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
  return folder;
}

export class Patient {
  readonly #namespace: Namespace;
  readonly #paths: PatientPaths;

  constructor(namespace: Namespace, paths: PatientPaths) {
    this.#namespace = namespace;
    this.#paths = paths;
  }

  /** What the doctor says, and its exit code in agreement with that. */
  async diagnosis(...args: string[]): Promise<Diagnosis> {
    const words = this.#words(`exec lvsdr doctor --json --run-dir ${this.#paths.runDir} ${args.join(" ")}`);
    const { code, stdout, stderr } = await this.#namespace.run("env", words);
    if (stdout === "") throw new Error(stderr);
    const diagnosis = JSON.parse(stdout) as Diagnosis;
    assert.equal(code, diagnosis.ok ? 0 : 1);
    return diagnosis;
  }

  /** Findings, with the configuration. */
  async findings(): Promise<readonly Finding[]> {
    return (await this.diagnosis("-c", this.#paths.configFile)).findings;
  }

  /** Starts a command of the doctor's that goes on. */
  start(command: string, logFile: string): Process {
    return this.#namespace.spawn("env", this.#words(`exec ${command}`), { logFile });
  }

  /** Expects exactly these findings, types their commands, and expects none. */
  async cure(...ids: string[]): Promise<readonly Finding[]> {
    const findings = await this.findings();
    assert.deepEqual(findings.map(({ id }) => id), ids);
    for (const { fix, host } of findings) {
      assert.equal(host, "this host");
      await this.#namespace.require("env", this.#words(fix!));
    }
    let left = await this.findings();
    // A program that was told to end takes a moment.
    for (let looks = 1; left.length > 0 && looks < MOST_LOOKS; looks++) left = await this.findings();
    assert.deepEqual(left, []);
    return findings;
  }

  /** A shell that runs a script on the host. */
  #words(script: string): string[] {
    const { programs, etc } = this.#paths;
    // What ip-netns(8) starts has mounts of its own.
    const mount = etc === undefined ? "" : `mount --bind '${etc}' /etc\n`;
    return [`PATH=${programs}:${Deno.env.get("PATH")}`, "sh", "-ec", mount + script];
  }
}
