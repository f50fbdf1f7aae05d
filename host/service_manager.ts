/**
 * Telling systemd how far a role is, for units with `Type=notify` and `NotifyAccess=all`. The message goes by way of
 * systemd-notify(1), because Deno opens no Unix datagram sockets; wherever systemd runs, that program is there.
 *
 * @module
 */

import { isInstalled, runCommand } from "./command.ts";

/**
 * Says that the role does what it is for from now on: READY=1 of sd_notify(3).
 *
 * @param status One line for `systemctl status`.
 */
export function notifyReady(status: string): Promise<void> {
  // Without the process id, systemd-notify would speak for whoever it was started by, which may be a shell.
  return notify(`--pid=${Deno.pid}`, "READY=1", `STATUS=${status}`);
}

/** Says that the role has begun to take back what it did: STOPPING=1 of sd_notify(3). */
export function notifyStopping(): Promise<void> {
  return notify(`--pid=${Deno.pid}`, "STOPPING=1", "STATUS=Putting the host back as it was");
}

/** Does nothing where no service manager asked for it; one that does not listen is no reason to fail. */
async function notify(...words: string[]): Promise<void> {
  if (Deno.env.get("NOTIFY_SOCKET") === undefined || !isInstalled("systemd-notify")) return;
  await runCommand("systemd-notify", words);
}
