/**
 * Running the programs a host is changed with: ip(8), nft(8), arptables(8) and a few of coreutils.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";

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
};

/** Folders of system programs, which PATH lacks after su(1) without `-`. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** What a program that has ended left behind. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program until it ends, whatever its exit code.
 *
 * A terminal's Ctrl-C does not reach the program: half-done changes would be the result.
 *
 * @param stdin Text for its standard input; without it the input is empty.
 * @throws {HostError} If the program is not installed.
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  stdin?: string,
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
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    // A program that ends without reading its input breaks the pipe; its exit code tells what happened.
    await writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * Starts a program whose standard output the caller reads; a terminal's Ctrl-C does not reach it.
 *
 * @throws {HostError} If it is not installed.
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

/**
 * Runs a program and returns its standard output.
 *
 * @param stdin Text for its standard input; without it the input is empty.
 * @throws {HostError} If it is not installed, lacks a privilege, or its exit code is not 0.
 */
export async function requireCommand(
  program: string,
  args: readonly string[],
  stdin?: string,
): Promise<string> {
  const result = await runCommand(program, args, stdin);
  if (result.code === 0) return result.stdout;
  const step = shellCommand([program, ...args]);
  const reason = result.stderr.trim() || result.stdout.trim() || `exit code ${result.code}`;
  if (/not permitted|permission denied|you must be root/i.test(reason)) {
    throw new HostError(step, `Command "${step}" is not permitted: ${reason}`, ExitCode.NO_PERMISSION, {
      remedy: "Run as root, or with the capability CAP_NET_ADMIN",
    });
  }
  throw new HostError(step, `Command "${step}" failed: ${reason}`, ExitCode.FAILED);
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
  return words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
    .join(" ");
}

function searchPath(): string[] {
  return [...new Set([...(Deno.env.get("PATH") ?? "").split(":"), ...SYSTEM_FOLDERS])]
    .filter((folder) => folder !== "");
}

function spawn(command: Deno.Command, program: string): Deno.ChildProcess {
  try {
    return command.spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new HostError(program, `Program "${program}" is not installed`, ExitCode.UNAVAILABLE, {
      cause,
      remedy: `apt-get install ${PACKAGES[program] ?? program}`,
    });
  }
}
