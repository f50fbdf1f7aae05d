/**
 * Network namespaces of this machine by way of ip-netns(8): made, wired together, run programs in, deleted.
 *
 * @module
 */

import { type CommandResult, outputOf, requireCommand, runCommand, runProgram } from "../host/command.ts";

/** What helps where namespaces cannot be made. */
const PRIVILEGES = "Run as root; in a container, with the capabilities SYS_ADMIN and NET_ADMIN";

/** How long a process may take to end after SIGTERM before it is killed. */
const STOP_TIMEOUT_MS = 5_000;

/** What a program that has ended left behind. */
export type ProgramResult = CommandResult;

export interface RunOptions {
  /** Text given to the program's standard input; without it the input is empty. */
  readonly stdin?: string;
}

export interface SpawnOptions {
  /** File that standard output and standard error are appended to; without it both are discarded. */
  readonly logFile?: string;
}

/** One end of a virtual cable: an interface in a namespace. */
export interface CableEnd {
  readonly namespace: Namespace;
  readonly interface: string;
  /** `aa:bb:cc:dd:ee:ff`; without it the kernel draws one. */
  readonly mac?: string;
}

/** A long-running program. */
export class Process {
  readonly pid: number;
  /** Settles when the process has ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  #hasEnded = false;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.pid = child.pid;
    this.ended = child.status.then((status) => {
      this.#hasEnded = true;
      return status;
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Sends a signal; does nothing if the process has ended. */
  signal(signal: Deno.Signal): void {
    if (this.#hasEnded) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It may end between the look and the signal.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Sends SIGTERM, then SIGKILL after five seconds, and returns when the process has ended. */
  async stop(): Promise<Deno.CommandStatus> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), STOP_TIMEOUT_MS);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A network namespace that exists until {@linkcode Namespace.delete}. */
export class Namespace implements AsyncDisposable {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /**
   * Makes a namespace with its loopback interface up.
   *
   * @throws {HostError} If the name is taken or the process lacks the privilege.
   */
  static async create(name: string): Promise<Namespace> {
    const args = ["netns", "add", name];
    outputOf(["ip", ...args], await runCommand("ip", args), PRIVILEGES);
    await requireCommand("ip", ["-n", name, "link", "set", "lo", "up"]);
    return new Namespace(name);
  }

  /** Names of all namespaces of this machine. */
  static async list(): Promise<string[]> {
    const listing = await requireCommand("ip", ["netns", "list"]);
    return listing.split("\n").map((line) => line.split(" ")[0]!).filter((name) => name !== "");
  }

  /** Kills every process inside the namespace `name`, whoever started it, and deletes it if it still exists. */
  static async remove(name: string): Promise<void> {
    await Namespace.killProcesses(name);
    const args = ["netns", "delete", name];
    const deleted = await runCommand("ip", args);
    if (deleted.code !== 0 && (await Namespace.list()).includes(name)) outputOf(["ip", ...args], deleted);
  }

  /** Kills every process inside the namespace `name`, whoever started it. */
  static async killProcesses(name: string): Promise<void> {
    const pids = await runCommand("ip", ["netns", "pids", name]);
    for (const pid of pids.stdout.split("\n").map(Number).filter((pid) => pid > 0)) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  /** Runs a program inside until it ends. */
  run(program: string, args: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
    return runProgram("ip", ["netns", "exec", this.name, program, ...args], options);
  }

  /**
   * Runs a program inside and returns its standard output.
   *
   * @throws {HostError} If its exit code is not 0.
   */
  async require(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const command = ["ip", "netns", "exec", this.name, program, ...args];
    return outputOf(command, await this.run(program, args, options));
  }

  /** Starts a long-running program inside; its pid is the program's own. */
  spawn(program: string, args: readonly string[], options: SpawnOptions = {}): Process {
    const shell = ["sh", "-c", 'exec "$@" >>"$0" 2>&1', options.logFile ?? "/dev/null"];
    const command = [...shell, program, ...args];
    return new Process(this.#start(command, { stdin: "null", stdout: "null", stderr: "null" }));
  }

  /**
   * Starts a program inside whose standard error the caller reads.
   *
   * @param stdout What becomes of its standard output: read as well, or discarded.
   */
  open(program: string, args: readonly string[], stdout: "piped" | "null"): Deno.ChildProcess {
    return this.#start([program, ...args], { stdin: "null", stdout, stderr: "piped" });
  }

  /**
   * Runs lines of ip(8) inside as one batch, which is much quicker than one program each.
   *
   * @throws {HostError} If a line fails; lines before it have been applied.
   */
  async ip(lines: readonly string[]): Promise<string> {
    const result = await runCommand("ip", ["-n", this.name, "-batch", "-"], lines.join("\n") + "\n");
    return outputOf(["ip", "-n", this.name, lines.join("; ip ")], result);
  }

  /**
   * Sets kernel variables of the namespace.
   *
   * @param values Names as in sysctl(8), for example `net.ipv4.ip_forward`, and their values. An interface name
   * with a dot cannot be part of a name.
   */
  async setSysctls(values: Readonly<Record<string, string | number>>): Promise<void> {
    const script = Object.entries(values)
      .map(([name, value]) => `echo ${value} >/proc/sys/${name.replaceAll(".", "/")}`);
    await this.require("sh", ["-ec", script.join("\n")]);
  }

  /** Deletes the namespace; interfaces in it vanish, processes in it live on without them. */
  async delete(): Promise<void> {
    await requireCommand("ip", ["netns", "delete", this.name]);
  }

  #start(command: readonly string[], streams: Deno.CommandOptions): Deno.ChildProcess {
    // A terminal's Ctrl-C does not reach the program: whoever started it ends it, in order.
    return new Deno.Command("ip", {
      args: ["netns", "exec", this.name, ...command],
      detached: true,
      ...streams,
    })
      .spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete();
  }
}

/** Lays a virtual cable (a veth pair) between two namespaces and sets both ends up. */
export async function connect(a: CableEnd, b: CableEnd): Promise<void> {
  const end = (cable: CableEnd) => [
    ...["name", cable.interface, "netns", cable.namespace.name],
    ...(cable.mac === undefined ? [] : ["address", cable.mac]),
  ];
  await requireCommand("ip", ["link", "add", ...end(a), "type", "veth", "peer", ...end(b)]);
  await Promise.all([a, b].map((cable) => cable.namespace.ip([`link set ${cable.interface} up`])));
}
