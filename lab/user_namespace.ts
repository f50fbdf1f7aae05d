/**
 * The lab of an ordinary user: the same program again, in a user namespace with a network, processes and a /run of
 * its own (user_namespaces(7)).
 *
 * @module
 */

import { dirname, join } from "node:path";
import { runCommand } from "../host/command.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { LABS_DIRECTORY } from "./lab_directory.ts";
import { own, ownerOf } from "./owner.ts";
import { selfCommand } from "./self_command.ts";
import { StatusForward } from "./status_forward.ts";

const UNSHARE = ["--user", "--map-root-user", "--mount", "--propagation", "private"];

/** Not 0: as root tcpdump(8) gives up its rights, which such a namespace does not allow. */
const USER_INSIDE = 1000;

/**
 * Two namespaces, one in the other. The root of the outer one mounts a /run of its own with the folder `$1` for labs'
 * directories in it, since mount(8) wants root, and waits; in the inner one an ordinary user with all capabilities
 * runs the program.
 */
const PREPARE = `set -e
mount -t tmpfs tmpfs /run
mkdir -p ${LABS_DIRECTORY}
mount --bind "$1" ${LABS_DIRECTORY}
shift
trap : INT TERM HUP
export LVSDR_LAB_OUTER_PID=$$
unshare --user --map-user=${USER_INSIDE} --keep-caps --net --mount --pid --fork --kill-child --mount-proc "$@"`;

/** What the directory that holds the lab of an ordinary user is called, among temporary files. */
const LABS_PREFIX = "lvsdr-lab-";

/** Fails where the kernel does not let ip-netns(8) do its work. */
const PROBE = "ip netns add lvsdr-probe && ip netns exec lvsdr-probe true && ip netns delete lvsdr-probe";

/** What the outside tells the lab inside. */
export interface Outside {
  /** The process that is root of the outer namespace, by its id outside; its only child is in the inner one. */
  readonly pid: number;
  /** Address of the status page outside, if it is wanted. */
  readonly statusUrl: string | null;
}

/** What this process was told by an outside, or `null` if it is not the lab inside. */
export function outside(): Outside | null {
  const pid = Deno.env.get("LVSDR_LAB_OUTER_PID");
  if (pid === undefined) return null;
  return { pid: Number(pid), statusUrl: Deno.env.get("LVSDR_LAB_STATUS_URL") ?? null };
}

/** What a person types outside to get a shell that sees the lab inside. */
export function enterCommand({ pid }: Outside): string {
  return `nsenter -t ${pid} --user --preserve-credentials nsenter -t $(pgrep -P ${pid}) --net --mount sh`;
}

/** Settles when the outside wants the lab inside to end, or has died: its end of standard input is closed. */
export async function outsideIsGone(): Promise<void> {
  const buffer = new Uint8Array(64);
  while (await Deno.stdin.read(buffer) !== null) { /* the outside says nothing */ }
}

/**
 * Runs lvsdr with `args` in a new user namespace until it ends.
 *
 * @param isStatusForwarded Whether the status page is to be reachable from outside.
 * @param signal Ends it.
 * @throws {OperatorError} If this machine does not let ordinary users make such namespaces.
 */
export async function runInUserNamespace(
  args: readonly string[],
  isStatusForwarded: boolean,
  signal: AbortSignal,
): Promise<ExitCode> {
  const labs = await Deno.makeTempDir({ prefix: LABS_PREFIX });
  try {
    await own(labs);
    await removeLeftovers(dirname(labs));
    await requireUserNamespaces(labs);
    signal.throwIfAborted();
    // The lab inside is process 1, and its id is that number.
    using forward = isStatusForwarded ? StatusForward.open(`${labs}/1/director/director.sock`) : null;
    const child = new Deno.Command("unshare", {
      args: [...UNSHARE, "sh", "-c", PREPARE, "sh", labs, ...selfCommand(args)],
      env: forward === null ? {} : { LVSDR_LAB_STATUS_URL: forward.url },
      stdin: "piped",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    const stop = () => void child.stdin.close();
    signal.addEventListener("abort", stop);
    const { code } = await child.status;
    signal.removeEventListener("abort", stop);
    return Object.values(ExitCode).find((exitCode) => exitCode === code) ?? ExitCode.FAILED;
  } finally {
    await Deno.remove(labs, { recursive: true });
  }
}

/** Removes what this user's labs have left in a folder whose owner is dead. */
async function removeLeftovers(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory || !name.startsWith(LABS_PREFIX)) continue;
    const path = join(folder, name);
    try {
      const { uid } = await Deno.lstat(path);
      if (uid === Deno.uid() && await ownerOf(path) === "dead") await Deno.remove(path, { recursive: true });
    } catch (error) {
      // Two labs that start together clean up after the same crash.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

async function requireUserNamespaces(labs: string): Promise<void> {
  const probe = await runCommand("unshare", [...UNSHARE, "sh", "-c", PREPARE, "sh", labs, "sh", "-c", PROBE]);
  if (probe.code === 0) return;
  const reason = probe.stderr.trim().split("\n").at(-1) ?? "";
  throw new OperatorError(
    `The lab needs root, and this machine does not let ordinary users make network namespaces: ${reason}`,
    ExitCode.NO_PERMISSION,
    {
      remedy: "Run it with sudo, or allow user namespaces: sysctl user.max_user_namespaces " +
        "kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns",
    },
  );
}
