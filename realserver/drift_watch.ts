/**
 * Noticing that something about the host may have changed: at once where the kernel reports changes (addresses, links,
 * routes, rules of nft), within a second where it does not (kernel variables).
 *
 * @module
 */

import { isOfLink } from "../host/interface_reports.ts";
import { LookOut, type Reporter } from "../host/look_out.ts";
import { ruleReporter } from "../host/rule_reports.ts";
import type { SysctlKey } from "../host/sysctl.ts";
import { TABLE_NAME } from "./nft_rules.ts";
import { SysctlPoll } from "./sysctl_poll.ts";

/** Time between two looks where nobody reports the rules. */
const UNREPORTED_LOOK_MS = 1_000;

export interface WatchScope {
  readonly vips: readonly string[];
  /** Whether nft can report the rules; otherwise everything is looked at each second. */
  readonly hasRuleReports: boolean;
  /** Whether there are rules at all. */
  readonly hasRules: boolean;
  /** Whether rules of others, whatever table they are in, can take packets before this role's do. */
  readonly hasRivals: boolean;
}

/** What a look at the host saw. */
export interface Seen {
  /** Kernel variables, to compare with. */
  readonly sysctls: ReadonlyMap<SysctlKey, string>;
  /** Whether everything was as it must be; otherwise the next look is soon. */
  readonly isInOrder: boolean;
}

export interface DriftListener {
  /**
   * Looks at the host, the first time soon; never called twice at a time.
   *
   * @param clues What is known of the reason.
   */
  look(clues: readonly string[]): Promise<Seen>;
  /** Called with an error of a look, after which there may be none any more. */
  onFault(error: unknown): void;
}

/** Watches from construction to disposal. */
export class DriftWatch implements AsyncDisposable {
  readonly #lookOut: LookOut;
  readonly #poll = new SysctlPoll(() => this.#lookOut.lookSoon());

  constructor({ vips, hasRules, hasRivals, hasRuleReports }: WatchScope, listener: DriftListener) {
    this.#lookOut = new LookOut({
      reporters: [placeReporter(vips), ...(hasRules && hasRuleReports ? [tableReporter(hasRivals)] : [])],
      look: async (clues) => {
        this.#poll.end();
        const { sysctls, isInOrder } = await listener.look(clues);
        this.#poll.begin(sysctls);
        return isInOrder;
      },
      onFailure: (error) => listener.onFault(error),
      onFault: (error) => listener.onFault(error),
      ...(hasRules && !hasRuleReports ? { fullLookMs: UNREPORTED_LOOK_MS } : {}),
    });
  }

  /** Ends it; resolves when no look is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lookOut[Symbol.asyncDispose]();
    this.#poll.end();
  }
}

/** Reports where VIPs are and interfaces lead. */
function placeReporter(vips: readonly string[]): Reporter {
  const isOfVip = (line: string) => vips.some((vip) => line.split(/[\s/]+/).includes(vip));
  const isOfDefaultRoute = (line: string) => /^(Deleted )?default /.test(line);
  return {
    words: ["ip", "-oneline", "monitor", "link", "address", "route"],
    isRelevant: (line) => isOfVip(line) || isOfLink(line) || isOfDefaultRoute(line),
    clueOf: (line) => `ip monitor: ${brief(line)}`,
  };
}

/** A change of what packets may come to before they come to a rule that translates. */
const RIVAL_CHANGE = /^(add|insert|replace|delete|destroy) (rule|element|chain|table|map|set) (ip|ip6|inet) /;

/**
 * Reports who changes the tables of this role and those of arptables(8).
 *
 * @param hasRivals Whether the tables of others count as well: which of their rules leads to one that translates, a line
 * does not tell.
 */
function tableReporter(hasRivals: boolean): Reporter {
  const names = new RegExp(`\\b(arp|ip6|inet) ${TABLE_NAME}\\b|\\barp filter\\b`);
  return ruleReporter(
    (line) => names.test(line) || (hasRivals && RIVAL_CHANGE.test(line)),
    (process) => `rules changed by ${process}`,
  );
}

function brief(line: string): string {
  const MOST_CHARACTERS = 100;
  const text = line.replaceAll("\\", " ").replaceAll(/\s+/g, " ").trim();
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
