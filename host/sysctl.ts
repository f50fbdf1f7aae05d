/**
 * Kernel variables below /proc/sys.
 *
 * They are read and written by small programs, because Deno gives direct access to /proc only to a process that has
 * every permission.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { requireCommand, runCommand } from "./command.ts";

/**
 * A kernel variable by its path below /proc/sys, for example `net/ipv4/conf/all/arp_ignore`. The form with slashes is
 * used everywhere because interface names may hold dots.
 */
export type SysctlKey = string;

/**
 * Values of those variables that exist; a variable that does not, for example of an interface that is gone, is absent.
 *
 * @throws {HostError} If they cannot be read.
 */
export async function readSysctls(keys: readonly SysctlKey[]): Promise<Map<SysctlKey, string>> {
  const root = "/proc/sys/";
  const args = ["-s", "-H", "-Z", "", "--", ...keys.map((key) => root + key)];
  const { code, stdout } = await runCommand("grep", args);
  // It is 2 as soon as one file is missing, which is no failure here, and above 2 if grep was killed.
  if (code > 2) throw killed(code);
  const values = new Map<SysctlKey, string>();
  for (const line of stdout.split("\n")) {
    const end = line.indexOf("\0");
    if (end >= 0) values.set(line.slice(root.length, end), line.slice(end + 1).trim());
  }
  return values;
}

function killed(code: number): HostError {
  return new HostError(
    "grep /proc/sys",
    `Kernel variables could not be read: grep ended with exit code ${code}`,
    ExitCode.FAILED,
    { remedy: "See why it was killed: journalctl -k" },
  );
}

/** Value of one variable, or `null` if it does not exist. */
export async function readSysctl(key: SysctlKey): Promise<string | null> {
  return (await readSysctls([key])).get(key) ?? null;
}

/**
 * Sets a variable.
 *
 * @throws {HostError} If the kernel refuses it or the process lacks the privilege.
 */
export async function writeSysctl(key: SysctlKey, value: string): Promise<void> {
  await requireCommand("tee", [`/proc/sys/${key}`], `${value}\n`);
}

/** Whether a variable can be written; containers often mount /proc/sys read-only. */
export async function isSysctlWritable(key: SysctlKey): Promise<boolean> {
  return (await runCommand("test", ["-w", `/proc/sys/${key}`])).code === 0;
}

/** A key as sysctl(8) takes it: dots between parts, and slashes for the dots of an interface name. */
export function sysctlName(key: SysctlKey): string {
  return key.split("/").map((part) => part.replaceAll(".", "/")).join(".");
}
