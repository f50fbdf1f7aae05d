/**
 * Typing commands on a lab's hosts, word for word, as an operator does: `lvsdr` is in the PATH, and each host has a run
 * directory of its own.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { shellCommand } from "../host/command.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { READY_TIMEOUT_MS } from "./cluster.ts";
import type { LabDirectory } from "./lab_directory.ts";
import type { Process, ProgramResult } from "./namespace.ts";
import { printedLast } from "./printed.ts";
import { selfCommand } from "./self_command.ts";
import type { LabHost } from "./topology.ts";

const POLL_INTERVAL_MS = 50;

/** What a role says, or an event of it, when it has taken up its work. */
const AT_WORK = /^holding\b|director\.started/m;

/** What came of a command: it has ended, or it is a role that goes on. */
export type Typed =
  | { readonly output: string; readonly code: number; readonly process: null }
  | { readonly output: string; readonly code: null; readonly process: Process };

export class Terminal {
  readonly #directory: LabDirectory;
  readonly #signal: AbortSignal;
  #typed = 0;

  private constructor(directory: LabDirectory, signal: AbortSignal) {
    this.#directory = directory;
    this.#signal = signal;
  }

  /** @param signal Ends waiting. */
  static async open(directory: LabDirectory, signal: AbortSignal): Promise<Terminal> {
    const bin = directory.file("bin");
    await Deno.mkdir(bin);
    const script = `#!/bin/sh\nexec ${shellCommand(selfCommand([]))} "$@"\n`;
    await Deno.writeTextFile(`${bin}/lvsdr`, script, { mode: 0o755 });
    return new Terminal(directory, signal);
  }

  /** Runs a command on a host until it ends. */
  async run(host: LabHost, command: string): Promise<ProgramResult> {
    return await host.namespace.run("env", this.#words(host, command));
  }

  /**
   * Types a command on a host that must do what it is for; returns like {@linkcode type}.
   *
   * @throws {HostError} If its exit code is not 0.
   */
  async require(host: LabHost, command: string): Promise<Typed> {
    const typed = await this.type(host, command);
    if (typed.process !== null || typed.code === 0) return typed;
    const problem = `Command "${command}" on ${host.name} failed: ${typed.output.trim()}`;
    throw new HostError(command, problem, ExitCode.FAILED);
  }

  /**
   * Types a command on a host; returns when it has ended, or when the role that it starts is at work.
   *
   * @throws {HostError} If neither comes in time.
   */
  async type(host: LabHost, command: string): Promise<Typed> {
    const logFile = this.#directory.file(`${host.name}-typed-${++this.#typed}.log`);
    const process = host.namespace.spawn("env", this.#words(host, command), { logFile });
    const read = () => Deno.readTextFile(logFile).catch(() => "");
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    while (!process.hasEnded) {
      if (AT_WORK.test(await read())) return { output: await read(), code: null, process };
      if (this.#signal.aborted) await process.stop();
      else if (performance.now() > deadlineMs) {
        await process.stop();
        const problem = `Command "${command}" on ${host.name} neither ended nor became ready in ${
          READY_TIMEOUT_MS / 1000
        } s`;
        throw new HostError(command, problem, ExitCode.FAILED, { remedy: await printedLast(logFile) });
      }
      await delay(POLL_INTERVAL_MS);
    }
    this.#signal.throwIfAborted();
    const { code } = await process.ended;
    return { output: await read(), code, process: null };
  }

  #words(host: LabHost, command: string): string[] {
    return [
      `PATH=${this.#directory.file("bin")}:${Deno.env.get("PATH")}`,
      `LVSDR_RUN_DIR=${this.#directory.file(host.name)}`,
      // The last command takes the place of bash(1), so that whoever ends the process ends the role.
      ...["bash", "-c", command],
    ];
  }
}
