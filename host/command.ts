/**
 * Running the programs a host is changed with: ip(8), nft(8), arptables(8) and a few of coreutils.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { shellWord } from "../model/shell_word.ts";

/** Debian package that holds a program; a program that is not listed is in the package of its own name. */
const PACKAGES: Readonly<Record<string, string>> = {
  ip: "iproute2",
  ss: "iproute2",
  nft: "nftables",
  iptables: "iptables",
  ip6tables: "iptables",
  grep: "grep",
  tee: "coreutils",
  test: "coreutils",
  unshare: "util-linux",
  sysctl: "procps",
};

/** Folders of system programs, which PATH lacks after su(1) without `-`. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * Longest time for one of them: none needs a second, but some wait for others to let go of a lock. Even if a few do one
 * after the other, a role ends before its service manager kills it (90 s: systemd.service(5), TimeoutStopSec).
 */
const LIMIT_MS = 20_000;

/** What a program that has ended left behind. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program is given. */
export interface ProgramInput {
  /** Text for its standard input; without it the input is empty. */
  readonly stdin?: string | undefined;
  /** Milliseconds after which it is killed. @default it may take as long as it wants */
  readonly limitMs?: number;
}

/**
 * Runs a program of the host's until it ends, whatever its exit code. One that does not end in time is killed.
 *
 * @param stdin Text for its standard input; without it the input is empty.
 * @throws {HostError} If the program cannot be started, or does not end in time.
 */
export function runCommand(
  program: string,
  args: readonly string[],
  stdin?: string,
): Promise<CommandResult> {
  return runProgram(program, args, { stdin, limitMs: LIMIT_MS });
}

/**
 * Runs a program until it ends, whatever its exit code.
 *
 * A terminal's Ctrl-C does not reach the program: half-done changes would be the result.
 *
 * @throws {HostError} If the program cannot be started, or does not end in time.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { stdin, limitMs }: ProgramInput = {},
): Promise<CommandResult> {
  const command = new Deno.Command(program, {
    args: [...args],
    // Messages are searched for words below, so they must not be translated.
    env: { LC_ALL: "C", PATH: searchPath().join(":") },
    detached: true,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const child = spawn(command, program);
  // Read from the start: a program that waits for its output to be taken would not take the rest of its input.
  const ended = resultOf(child);
  if (stdin !== undefined) void give(child, stdin);
  return limitMs === undefined
    ? await ended
    : await within(limitMs, child, ended, shellCommand([program, ...args]));
}

/** Not by `output()`: Deno 2.7 never gives back some 110 KB for each call of it, and a role runs programs for months. */
async function resultOf({ stdout, stderr, status }: Deno.ChildProcess): Promise<CommandResult> {
  const [{ code }, ...texts] = await Promise.all([status, stdout.text(), stderr.text()]);
  return { code, stdout: texts[0], stderr: texts[1] };
}

async function give({ stdin }: Deno.ChildProcess, text: string): Promise<void> {
  const writer = stdin.getWriter();
  // A program that ends without reading its input breaks the pipe; its exit code tells what happened.
  await writer.write(new TextEncoder().encode(text)).then(() => writer.close()).catch(() => {});
}

/** What `ended` comes to, unless the program has to be killed before. */
async function within(
  limitMs: number,
  child: Deno.ChildProcess,
  ended: Promise<CommandResult>,
  step: string,
): Promise<CommandResult> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    kill(child);
    const message = `Command "${step}" did not end within ${limitMs / 1000} s and was killed`;
    reject(
      new HostError(step, message, ExitCode.FAILED, { remedy: "See what it waits for: run it by hand" }),
    );
  }, limitMs);
  try {
    // One that waits inside the kernel does not end even then: it is left alone.
    return await Promise.race([ended, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Starts a program whose standard output the caller reads; a terminal's Ctrl-C does not reach it.
 *
 * @throws {HostError} If it cannot be started.
 */
export function spawnReader(program: string, args: readonly string[]): Deno.ChildProcess {
  const command = new Deno.Command(program, {
    args: [...args],
    env: { LC_ALL: "C", PATH: searchPath().join(":") },
    detached: true,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  });
  return spawn(command, program);
}

/** Kills a program, which may have ended by itself. */
export function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It may have ended, or been reaped, a moment ago.
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Runs a program and returns its standard output.
 *
 * @param stdin Text for its standard input; without it the input is empty.
 * @throws {HostError} If it cannot be started, lacks a privilege, does not end in time, or its exit code is not 0.
 */
export async function requireCommand(
  program: string,
  args: readonly string[],
  stdin?: string,
): Promise<string> {
  return outputOf([program, ...args], await runCommand(program, args, stdin));
}

/**
 * What a program that has ended printed on its standard output.
 *
 * @param command The program and its arguments, for the message.
 * @param privileges What helps where it lacks a privilege.
 * @throws {HostError} If it lacks a privilege, or its exit code is not 0.
 */
export function outputOf(
  command: readonly string[],
  result: CommandResult,
  privileges = "Run as root, or with the capability CAP_NET_ADMIN",
): string {
  if (result.code === 0) return result.stdout;
  const step = shellCommand(command);
  const reason = result.stderr.trim() || result.stdout.trim() || `exit code ${result.code}`;
  if (/not permitted|permission denied|you must be root/i.test(reason)) {
    throw new HostError(step, `Command "${step}" is not permitted: ${reason}`, ExitCode.NO_PERMISSION, {
      remedy: privileges,
    });
  }
  throw new HostError(step, `Command "${step}" failed: ${reason}`, ExitCode.FAILED);
}

/** The command that installs programs. */
export function installCommand(programs: readonly string[]): string {
  return `apt-get install -y ${
    [...new Set(programs.map((program) => PACKAGES[program] ?? program))].join(" ")
  }`;
}

/** Whether a program can be found. */
export function isInstalled(program: string): boolean {
  return searchPath().some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false; // absent here, or in a folder that cannot be searched
    }
  });
}

/** Whether programs started from here may change interfaces, rules and network sysctls. */
export async function canAdministerNetwork(): Promise<boolean> {
  // The capabilities that count are those of a child (they may be lost at execve(2)), so a child is asked.
  const status = await requireCommand("grep", ["CapEff:", "/proc/self/status"]);
  const CAP_NET_ADMIN = 12n; // capabilities(7), linux/capability.h
  return (BigInt(`0x${status.split(":")[1]!.trim()}`) >> CAP_NET_ADMIN & 1n) === 1n;
}

/** A program and its arguments as they would be typed in a POSIX shell. */
export function shellCommand(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}

/** Folders in which programs are looked for, in this order. */
export function searchPath(): string[] {
  return [...new Set([...(Deno.env.get("PATH") ?? "").split(":"), ...SYSTEM_FOLDERS])]
    .filter((folder) => folder !== "");
}

function spawn(command: Deno.Command, program: string): Deno.ChildProcess {
  try {
    return command.spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw notStarted(program, cause);
    throw new HostError(program, `Program "${program}" is not installed`, ExitCode.UNAVAILABLE, {
      cause,
      remedy: installCommand([program]),
    });
  }
}

/** For example, the host or the service manager allows no further process, or there is no memory for one. */
function notStarted(program: string, cause: unknown): HostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HostError(program, `Program "${program}" cannot be started: ${reason}`, ExitCode.FAILED, {
    cause,
    remedy:
      "Free memory, processes or open files, or raise their limits: see ulimit -a, systemctl show -p TasksMax",
  });
}
