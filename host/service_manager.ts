/**
 * Telling systemd how far a role is, for units with `Type=notify` and `NotifyAccess=all`. The message goes by way of
 * systemd-notify(1), because Deno opens no Unix datagram sockets; wherever systemd runs, that program is there, save in
 * a container that it starts.
 *
 * @module
 */

import { inOneLine, OperatorError } from "../model/operator_error.ts";
import { isInstalled, runCommand } from "./command.ts";

const PROGRAM = "systemd-notify";

/**
 * Says that the role does what it is for from now on: READY=1 of sd_notify(3).
 *
 * @param status One line for `systemctl status`.
 * @param warn Told if that cannot be said: such a unit never gets ready. The role does what it is for all the same.
 */
export async function notifyReady(status: string, warn: (message: string) => void): Promise<void> {
  const obstacle = await notify("READY=1", `STATUS=${status}`);
  if (obstacle !== null) warn(`The service manager is not told that this is ready: ${obstacle}`);
}

/** Says that the role has begun to take back what it did, if that can be said: STOPPING=1 of sd_notify(3). */
export async function notifyStopping(): Promise<void> {
  await notify("STOPPING=1", "STATUS=Putting the host back as it was");
}

/**
 * Does nothing where no service manager asked for it; one that does not listen is no obstacle.
 *
 * @returns Why it could not be told, in words for people, or `null`.
 */
async function notify(...variables: string[]): Promise<string | null> {
  if (!Deno.env.has("NOTIFY_SOCKET")) return null;
  if (!isInstalled(PROGRAM)) return `${PROGRAM} is not installed (apt-get install systemd)`;
  try {
    // This process is the unit's main one, also where a script has started it.
    await runCommand(PROGRAM, [`--pid=${Deno.pid}`, ...variables]);
    return null;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return inOneLine(error);
  }
}
