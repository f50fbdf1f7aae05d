/**
 * Labs that tests start, and what a test can see of a lab without asking it.
 *
 * @module
 */

import { runCommand, runProgram } from "../../host/command.ts";
import type { BreakName } from "../../lab/break_name.ts";
import { Namespace } from "../../lab/namespace.ts";
import { selfCommand } from "../../lab/self_command.ts";

/** Why tests with namespaces cannot run here, or `null` if they can. */
export const obstacle: string | null = Deno.uid() === 0 ? null : "namespaces need root";

/** What came of one mistake. */
export interface BreakSummary {
  readonly name: BreakName;
  readonly host: string;
  readonly suffers: boolean;
  readonly suffering: readonly string[];
  readonly statements: readonly { readonly witness: string; readonly on: string; readonly id: string }[];
  readonly isNamed: boolean;
  readonly typed: readonly {
    readonly witness: string;
    readonly id: string;
    readonly command: string;
    readonly works: boolean;
  }[];
  readonly recovers: boolean;
  readonly recovery: readonly string[];
  readonly left: readonly unknown[];
}

/** What `lvsdr lab --json` prints, as far as tests look at it. */
export interface LabSummary {
  readonly ok: boolean;
  readonly method: string;
  readonly vip: string;
  readonly breaks: readonly BreakSummary[];
  readonly calm: { readonly seconds: number; readonly questions: number } | null;
  readonly client: { readonly name: string; readonly address: string; readonly mac: string };
  readonly director: { readonly name: string; readonly address: string; readonly mac: string };
  readonly realServers: readonly {
    readonly name: string;
    readonly address: string;
    readonly mac: string;
    readonly weight: number;
  }[];
  readonly acts: readonly {
    readonly name: string;
    readonly holds: boolean;
    readonly answered: Readonly<Record<string, number>>;
    readonly learntMacs: readonly (string | null)[];
    readonly isTransferWhole: boolean | null;
    readonly proofs: readonly { readonly name: string; readonly holds: boolean }[];
  }[];
}

export interface LabResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `lvsdr lab` with more arguments until it ends. */
export async function runLab(...args: string[]): Promise<LabResult> {
  const [program, ...rest] = selfCommand(["lab", ...args]);
  return await runProgram(program, rest);
}

/** A lab in the background. */
export class RunningLab {
  readonly #child: Deno.ChildProcess;
  readonly #stderr: Promise<string>;
  readonly #finished: Promise<void>;
  #text = "";

  constructor(...args: string[]) {
    const [program, ...rest] = selfCommand(["lab", ...args]);
    this.#child = new Deno.Command(program, {
      args: rest,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stderr = new Response(this.#child.stderr).text();
    this.#finished = this.#read();
  }

  /** The lab's id is the process id of its owner. */
  get id(): string {
    return String(this.#child.pid);
  }

  get text(): string {
    return this.#text;
  }

  /** Returns when the lab has printed what matches, or has ended. */
  async printed(pattern: RegExp): Promise<void> {
    let hasEnded = false;
    this.#finished.then(() => hasEnded = true);
    while (!pattern.test(this.#text) && !hasEnded) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Sends a signal and returns when the lab has ended. */
  async end(signal: Deno.Signal): Promise<LabResult> {
    this.#child.kill(signal);
    const [{ code }, stderr] = await Promise.all([this.#child.status, this.#stderr, this.#finished]);
    return { code, stdout: this.#text, stderr };
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) this.#text += text;
  }
}

/** Everything of the lab `id` that is on this machine: namespaces, processes in them, files. */
export async function tracesOf(id: string): Promise<string[]> {
  const namespaces = (await Namespace.list()).filter((name) => name.startsWith(`lvsdr-${id}-`));
  const processes = await Promise.all(namespaces.map(async (name) => {
    const { stdout } = await runCommand("ip", ["netns", "pids", name]);
    return stdout.split("\n").filter((pid) => pid !== "").map((pid) => `process ${pid}`);
  }));
  const directory = `/run/lvsdr-lab/${id}`;
  const files = (await Deno.stat(directory).catch(() => null)) === null ? [] : [directory];
  return [...namespaces, ...processes.flat(), ...files];
}

/** Those of {@linkcode tracesOf} that are processes and still run. */
export async function aliveOf(traces: readonly string[]): Promise<string[]> {
  const pids = traces.filter((trace) => trace.startsWith("process ")).map((trace) => trace.slice(8));
  const { stdout } = await runCommand("ps", ["-o", "pid=,stat=", "-p", pids.join(",")]);
  // A process that nobody has waited for is dead all the same.
  return stdout.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !/ Z/.test(line));
}
