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
  return notify("READY=1", `STATUS=${status}`);
}

/** Says that the role has begun to take back what it did: STOPPING=1 of sd_notify(3). */
export function notifyStopping(): Promise<void> {
  return notify("STOPPING=1", "STATUS=Putting the host back as it was");
}

/** Does nothing where no service manager asked for it; one that does not listen is no reason to fail. */
async function notify(...variables: string[]): Promise<void> {
  if (Deno.env.get("NOTIFY_SOCKET") === undefined || !isInstalled("systemd-notify")) return;
  // This process is the unit's main one, also where a script has started it.
  await runCommand("systemd-notify", [`--pid=${Deno.pid}`, ...variables]);
}
