/**
 * Which tables nft(8) has.
 *
 * They are read from its text, not its JSON: of a table with flags, for example a dormant one, nft 1.0.6 prints JSON
 * that is cut short or says something else.
 *
 * @module
 */

import { requireCommand } from "./command.ts";

/** Whether there is a table. */
export async function hasNftTable(family: string, name: string): Promise<boolean> {
  const listing = await requireCommand("nft", ["list", "tables"]);
  return listing.split("\n").some((line) => line.trim() === `table ${family} ${name}`);
}

/**
 * Flags of a table that is there, as nft(8) lists them, for example `dormant`: its rules are asleep. Empty if it has
 * none.
 */
export async function readNftTableFlags(family: string, name: string): Promise<string> {
  const listing = await requireCommand("nft", ["list", "table", family, name]);
  // Those of sets and flow tables are further to the right.
  return /^\tflags (.*)$/m.exec(listing)?.[1] ?? "";
}
