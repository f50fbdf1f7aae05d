/**
 * Telling systemd that the host is a correct real server, for units with `Type=notify` and `NotifyAccess=all`.
 *
 * @module
 */

import { isInstalled, runCommand } from "../host/command.ts";

/** Sends READY=1 (sd_notify(3)); does nothing where no service manager asked for it. */
export async function notifyReady(): Promise<void> {
  if (Deno.env.get("NOTIFY_SOCKET") === undefined || !isInstalled("systemd-notify")) return;
  await runCommand("systemd-notify", ["--ready", `--pid=${Deno.pid}`, "--status=Hardened and verified"]);
}
