/**
 * Noticing that something about the host may have changed: at once where the kernel reports changes (addresses, links,
 * routes, rules of nft), within a second where it does not (kernel variables).
 *
 * While nothing changes, it costs one small program a second.
 *
 * @module
 */

import { Monitor } from "../host/monitor.ts";
import { readSysctls, type SysctlKey } from "../host/sysctl.ts";
import { TABLE_NAME } from "./nft_rules.ts";

/** Time between two looks at the kernel variables, which no report announces. */
const POLL_MS = 1_000;
/** Time for which reports are gathered, so that a change in several parts is looked at once. */
const SETTLE_MS = 300;
/** Longest time without a look at everything, should a report ever be lost. */
const FULL_LOOK_MS = 30_000;
/** Clues kept at most. */
const MOST_CLUES = 20;

export interface WatchScope {
  readonly vips: readonly string[];
  /** Whether nft can report the rules; otherwise everything is looked at each second. */
  readonly hasRuleReports: boolean;
  /** Whether there are rules at all. */
  readonly hasRules: boolean;
}

/** What a look at the host saw. */
export interface Seen {
  readonly sysctls: ReadonlyMap<SysctlKey, string>;
  readonly isInOrder: boolean;
}

/** Watches from construction to disposal. */
export class DriftWatch implements AsyncDisposable {
  readonly #monitors: readonly Monitor[];
  readonly #fullLookMs: number;
  #clues: string[] = [];
  #isDue = true;
  #wake: (() => void) | null = null;
  #sysctls: ReadonlyMap<SysctlKey, string> = new Map();

  constructor({ vips, hasRules, hasRuleReports }: WatchScope) {
    const isOfVip = (line: string) => vips.some((vip) => line.split(/[\s/]+/).includes(vip));
    const isOfLink = (line: string) => /^(Deleted )?\d+: \S+: </.test(line);
    const isOfDefaultRoute = (line: string) => /^(Deleted )?default /.test(line);
    const ip = (line: string) => {
      if (isOfVip(line) || isOfLink(line) || isOfDefaultRoute(line)) this.#hear(`ip monitor: ${brief(line)}`);
    };
    this.#monitors = [
      this.#listen(["ip", "-oneline", "monitor", "link", "address", "route"], ip),
      ...(hasRules && hasRuleReports ? [this.#listen(["nft", "monitor"], this.#ruleListener())] : []),
    ];
    this.#fullLookMs = hasRules && !hasRuleReports ? POLL_MS : FULL_LOOK_MS;
  }

  /**
   * Waits until the host should be looked at: the first time at once.
   *
   * @param seen What the last look saw: kernel variables to compare with, and whether everything was as it must be;
   * otherwise the next look is soon.
   * @returns What is known of the reason; `null` if `signal` was aborted.
   */
  async next(seen: Seen, signal: AbortSignal): Promise<readonly string[] | null> {
    this.#sysctls = seen.sysctls;
    const lookBeforeMs = performance.now() + (seen.isInOrder ? this.#fullLookMs : POLL_MS);
    while (!signal.aborted) {
      if (this.#isDue) await this.#pause(SETTLE_MS, signal, false);
      if (signal.aborted) return null;
      if (this.#isDue || performance.now() >= lookBeforeMs) {
        const clues = this.#clues;
        this.#clues = [];
        this.#isDue = false;
        return clues;
      }
      await this.#pause(POLL_MS, signal, true);
      if (!signal.aborted && await this.#haveSysctlsChanged()) this.#isDue = true;
    }
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#monitors.map((monitor) => monitor[Symbol.asyncDispose]()));
  }

  #listen(words: readonly string[], onLine: (line: string) => void): Monitor {
    return new Monitor(words, { onLine, onGap: () => this.#hear(null) });
  }

  /** Of a change nft reports the parts, then a line with the process that made it. */
  #ruleListener(): (line: string) => void {
    let isRelevant = false;
    return (line) => {
      const [, author] = /^# new generation \d+ by (process .*)$/.exec(line) ?? [];
      if (author === undefined) {
        isRelevant ||= new RegExp(`\\b(arp|ip6|inet) ${TABLE_NAME}\\b|\\barp filter\\b`).test(line);
      } else {
        if (isRelevant) this.#hear(`rules changed by ${author}`);
        isRelevant = false;
      }
    };
  }

  #hear(clue: string | null): void {
    if (clue !== null && this.#clues.length < MOST_CLUES) this.#clues.push(clue);
    this.#isDue = true;
    this.#wake?.();
  }

  async #haveSysctlsChanged(): Promise<boolean> {
    const values = await readSysctls([...this.#sysctls.keys()]);
    return [...this.#sysctls].some(([key, value]) => values.get(key) !== value);
  }

  #pause(ms: number, signal: AbortSignal, endsWhenDue: boolean): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end);
      if (endsWhenDue) this.#wake = end;
    });
  }
}

function brief(line: string): string {
  const MOST_CHARACTERS = 100;
  const text = line.replaceAll("\\", " ").replaceAll(/\s+/g, " ").trim();
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
