/**
 * Whose a directory is, for those who come later: a file in it names the process that removes it, if it can.
 *
 * @module
 */

import { join } from "node:path";
import { runCommand } from "../host/command.ts";

const OWNER_FILE = "owner";

/** What has become of the process that a directory belongs to; `unknown` if the directory names none. */
export type Owner = "alive" | "dead" | "unknown";

/** Makes this process the owner of a directory. */
export async function own(directory: string): Promise<void> {
  await Deno.writeTextFile(join(directory, OWNER_FILE), `${Deno.pid} ${await startOf(Deno.pid)}\n`);
}

/** Looks for the owner of a directory. */
export async function ownerOf(directory: string): Promise<Owner> {
  const text = await Deno.readTextFile(join(directory, OWNER_FILE)).catch(() => null);
  const [, pid, startedAt] = /^(\d+) (\d+)\n$/.exec(text ?? "") ?? [];
  if (pid === undefined) return "unknown";
  return await startOf(Number(pid)) === startedAt ? "alive" : "dead";
}

/** Whether a process with that id runs. */
export async function exists(pid: number): Promise<boolean> {
  return await startOf(pid) !== null;
}

/**
 * When the process was started, in clock ticks since boot (proc_pid_stat(5), field 22), or `null` if none with that id
 * runs. With the id it identifies a process for ever: ids are used again.
 */
async function startOf(pid: number): Promise<string | null> {
  // Deno guards /proc even from programs that may read every file; cat(1) reads it with the rights of the user.
  const { code, stdout } = await runCommand("cat", [`/proc/${pid}/stat`]);
  if (code !== 0) return null;
  // The second field is a name in parentheses that may hold spaces: count from its end.
  const [state, ...fields] = stdout.slice(stdout.lastIndexOf(")") + 2).split(" ");
  // A process that nobody has waited for is dead all the same.
  return state === "Z" ? null : fields[18] ?? null;
}
