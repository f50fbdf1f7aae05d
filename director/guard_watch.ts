/**
 * Keeps the guard in force while the director runs, whoever flushes the rules of nft(8), and whatever interfaces the
 * host gets. Its owner has it look when there are other addresses to guard.
 *
 * @module
 */

import { INTERFACE_REPORTS } from "../host/interface_reports.ts";
import { LookOut } from "../host/look_out.ts";
import { ruleReporter } from "../host/rule_reports.ts";
import { inOneLine } from "../model/operator_error.ts";
import type { EventLog } from "./events.ts";
import { guardTableName } from "./guard_ruleset.ts";
import type { KernelGuard } from "./kernel_guard.ts";

const RULES = "The rules that keep this host's kernel out of VIP traffic";

/** Watches a guard until the returned object is disposed of. */
export function watchGuard(guard: KernelGuard, events: EventLog): LookOut {
  const table = guardTableName(guard.device);
  let isLost = false;
  const lookOut = new LookOut({
    reporters: [
      ruleReporter((line) => line.split(" ").includes(table), (process) => process),
      // An interface in the VLAN of a VIP may come and go.
      { words: INTERFACE_REPORTS, isRelevant: () => true },
    ],
    look: async (authors) => {
      const isChanged = await guard.restore();
      // Should nft be late to report them, they still come before the change that was just made here.
      const author = authors.at(-1) ?? lookOut.clues[0];
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
  return lookOut;
}
