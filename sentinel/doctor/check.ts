/**
 * What a check of the doctor is: facts in, observations out, nothing touched. One more check is one more
 * {@linkcode Check} in the list of its file, and a section of the README.
 *
 * @module
 */

import type { Facts, Role } from "./facts.ts";

/** `error`: clients suffer, or may at any moment. `warning`: they will one day. `note`: nothing is wrong. */
export type Level = "error" | "warning" | "note";

/** Something that a check saw. */
export interface Observation {
  /** Where it is another one than its check's. */
  readonly level?: Level;
  /** One sentence without a full stop. */
  readonly problem: string;
  /** Facts it rests on and where they were read, for example `net.ipv4.conf.all.arp_ignore = 0`. */
  readonly evidence: readonly string[];
  /** Why it is so, or why it matters; a sentence without a full stop. */
  readonly cause: string;
  /** Where {@linkcode fix} is to be typed; this host if absent. */
  readonly host?: string;
  /** Shell commands that repair it when they are typed as they are; `null` if no command can. */
  readonly fix: string | null;
  /** What a person has to decide or to write, where a command cannot; a sentence without a full stop. */
  readonly advice?: string;
}

export interface Check {
  /** Heading of its section in the README. */
  readonly id: string;
  readonly level: Level;
  /** Roles of a host that it is about. */
  readonly roles: readonly Role[];
  /** Looks at facts; one observation for each thing to repair. */
  readonly look: (facts: Facts) => readonly Observation[];
}

/** An observation that is shown. */
export interface Finding {
  readonly id: string;
  readonly level: Level;
  readonly problem: string;
  readonly evidence: readonly string[];
  readonly cause: string;
  /** Where {@linkcode fix} is to be typed, `this host` or an address. */
  readonly host: string;
  readonly fix: string | null;
  readonly advice: string | null;
  /** Section that explains it. */
  readonly link: string;
}

export const BOTH_ROLES: readonly Role[] = ["director", "realserver"];

const LEVELS: readonly Level[] = ["error", "warning", "note"];

/** What checks find in facts: errors first, then in the order of the checks. */
export function examine(facts: Facts, checks: readonly Check[]): Finding[] {
  const findings = checks.filter(({ roles }) => roles.includes(facts.role)).flatMap(({ id, level, look }) =>
    look(facts).map(({ host = "this host", advice = null, ...seen }): Finding => ({
      id,
      level,
      ...seen,
      host,
      advice,
      link: `README.md#${id}`,
    }))
  );
  return findings.toSorted((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level));
}
