/**
 * Typing on a real server what `lvsdr verify` says, as it stands: `lvsdr` is in the PATH, and each host has a run directory
 * of its own.
 *
 * @module
 */

import type { Process, ProgramResult } from "../../lab/namespace.ts";
import { type DirectorNetwork, until, type WebHost } from "./director_network.ts";
import { makeProgramFolder } from "./doctor_patient.ts";

export class ServerShell implements AsyncDisposable {
  readonly #server: WebHost;
  readonly #folder: string;
  readonly #programs: string;
  readonly #roles: Process[] = [];

  private constructor(server: WebHost, folder: string, programs: string) {
    this.#server = server;
    this.#folder = folder;
    this.#programs = programs;
  }

  static async open({ folder }: DirectorNetwork, server: WebHost): Promise<ServerShell> {
    return new ServerShell(server, folder, await makeProgramFolder(`${folder}/${server.name}-programs`));
  }

  /** Types a command that ends. */
  async run(command: string): Promise<ProgramResult> {
    return await this.#server.namespace.run("env", this.#words(command));
  }

  /** Types a command that ends in a role, and returns when that holds the host. */
  async hold(command: string): Promise<Process> {
    const logFile = `${this.#folder}/${this.#server.name}-typed-${this.#roles.length}.log`;
    const process = this.#server.namespace.spawn("env", this.#words(command), { logFile });
    this.#roles.push(process);
    await until("the role holds the host", async () => {
      const text = await Deno.readTextFile(logFile).catch(() => "");
      if (process.hasEnded) throw new Error(`It ended: ${text}`);
      return /^holding\b/m.test(text);
    });
    return process;
  }

  /** Ends all roles. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#roles.map((role) => role.stop()));
  }

  #words(command: string): string[] {
    return [
      `PATH=${this.#programs}:${Deno.env.get("PATH")}`,
      `LVSDR_RUN_DIR=${this.#folder}/${this.#server.name}-run`,
      // The last command takes the place of bash(1), so that whoever ends the process ends the role.
      ...["bash", "-c", command],
    ];
  }
}
