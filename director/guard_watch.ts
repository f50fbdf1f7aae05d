/**
 * Keeps the guard in force while the director runs, whoever flushes the rules of nft(8), and whatever interfaces the
 * host gets.
 *
 * @module
 */

import { LookOut } from "../host/look_out.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { EventLog } from "./events.ts";
import { guardTableName } from "./guard_ruleset.ts";
import type { KernelGuard } from "./kernel_guard.ts";

/** Watches a guard until the returned object is disposed of. */
export function watchGuard(guard: KernelGuard, events: EventLog): AsyncDisposable {
  const table = guardTableName(guard.device);
  let isMentioned = false;
  let author: string | null = null;
  let isLost = false;
  const look = async () => {
    try {
      if (await guard.restore()) {
        const by = author === null ? "" : ` by ${author}`;
        events.report(
          "warning",
          "guard.restored",
          `The rules that keep this host's kernel out of VIP traffic were changed${by}; they are back`,
        );
      }
      isLost = false;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      if (!isLost) {
        events.report(
          "error",
          "guard.lost",
          `The rules that keep this host's kernel out of VIP traffic are gone: ${error.message}`,
        );
      }
      isLost = true;
    }
    author = null;
    return !isLost;
  };
  const watches = new AsyncDisposableStack();
  watches.use(
    new LookOut({
      words: ["nft", "monitor"],
      // Of a change nft reports the parts, then a line with the process that made it.
      isRelevant: (line) => {
        const [, process] = /^# new generation \d+ by (process .*)$/.exec(line) ?? [];
        if (process !== undefined) {
          if (isMentioned) author = process;
          isMentioned = false;
          return false;
        }
        const isOurs = line.split(" ").includes(table);
        isMentioned ||= isOurs;
        return isOurs;
      },
      look,
    }),
  );
  // An interface in the VLAN of a VIP may come and go.
  watches.use(
    new LookOut({ words: ["ip", "-oneline", "monitor", "link", "address"], isRelevant: () => true, look }),
  );
  return watches;
}
