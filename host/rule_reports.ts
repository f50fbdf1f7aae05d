/**
 * Hearing from the kernel, through `nft monitor`, who has changed rules (nft(8), "MONITOR").
 *
 * @module
 */

import type { Reporter } from "./look_out.ts";

/**
 * Reports changes of some rules.
 *
 * @param isAbout Whether a line names the rules in question.
 * @param clue What is to be said of a change that a process has made, for example `process 42 (nft)`.
 */
export function ruleReporter(
  isAbout: (line: string) => boolean,
  clue: (author: string) => string,
): Required<Reporter> {
  let isMentioned = false;
  return {
    words: ["nft", "monitor"],
    // Of a change nft reports the parts, then a line with the process that made it.
    isRelevant: (line) => {
      if (processOf(line) === null) {
        const isOurs = isAbout(line);
        isMentioned ||= isOurs;
        return isOurs;
      }
      const wasMentioned = isMentioned;
      isMentioned = false;
      return wasMentioned;
    },
    clueOf: (line) => {
      const process = processOf(line);
      return process === null ? null : clue(process);
    },
  };
}

/** The process that has made a change, from the line that ends the report of it; `null` for another line. */
function processOf(line: string): string | null {
  return /^# new generation \d+ by (process .*)$/.exec(line)?.[1] ?? null;
}
