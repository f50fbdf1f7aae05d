/**
 * Telling one boot of the host from another.
 *
 * @module
 */

import { requireCommand } from "./command.ts";

/** A text that is the same for all processes until the next boot (random(4)). */
export async function readBootId(): Promise<string> {
  return (await requireCommand("grep", ["", "/proc/sys/kernel/random/boot_id"])).trim();
}
