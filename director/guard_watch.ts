/**
 * Keeps the guard in force while the director runs, whoever flushes the rules of nft(8), and whatever interfaces the
 * host gets. Its owner has it look when there are other addresses to guard.
 *
 * @module
 */

import { LookOut } from "../host/look_out.ts";
import { inOneLine } from "../model/operator_error.ts";
import type { EventLog } from "./events.ts";
import { guardTableName } from "./guard_ruleset.ts";
import type { KernelGuard } from "./kernel_guard.ts";

const RULES = "The rules that keep this host's kernel out of VIP traffic";

/** Watches a guard until the returned object is disposed of. */
export function watchGuard(guard: KernelGuard, events: EventLog): LookOut {
  const table = guardTableName(guard.device);
  let isMentioned = false;
  /** Who has changed it since the last look, in their order. */
  const authors: string[] = [];
  let isLost = false;
  return new LookOut({
    reporters: [{
      words: ["nft", "monitor"],
      // Of a change nft reports the parts, then a line with the process that made it.
      isRelevant: (line) => {
        const [, process] = /^# new generation \d+ by (process .*)$/.exec(line) ?? [];
        if (process !== undefined) {
          if (isMentioned) authors.push(process);
          isMentioned = false;
          return false;
        }
        const isOurs = line.split(" ").includes(table);
        isMentioned ||= isOurs;
        return isOurs;
      },
    }, {
      // An interface in the VLAN of a VIP may come and go.
      words: ["ip", "-oneline", "monitor", "link", "address"],
      isRelevant: () => true,
    }],
    look: async () => {
      const [last] = authors.splice(0).slice(-1);
      const isChanged = await guard.restore();
      // Should nft be late to report them, they still come before the change that was just made here.
      const author = last ?? authors[0];
      const by = author === undefined ? "" : ` by ${author}`;
      if (isChanged) {
        events.report("warning", "guard.restored", `${RULES} were changed${by}; they are back`);
      } else if (isLost) {
        events.report("info", "guard.restored", `${RULES} are in force, and looked after again`);
      }
      isLost = false;
      return true;
    },
    onFailure: (error) => {
      isLost = true;
      events.report(
        "error",
        "guard.lost",
        `${RULES} can neither be checked nor put back: ${inOneLine(error)}`,
      );
    },
  });
}
