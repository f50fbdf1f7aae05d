/**
 * When a real server counts as up: the rise and fall of health checks. Pure.
 *
 * @module
 */

export type HealthState = "up" | "down";

/** What is remembered of all results so far. */
export interface Standing {
  readonly state: HealthState;
  /** Results in a row that contradict {@linkcode state}. */
  readonly contradictions: number;
  /** Whether there was no result yet. */
  readonly isNew: boolean;
}

/** A server nobody has asked yet: down. */
export const NEW_STANDING: Standing = { state: "down", contradictions: 0, isNew: true };

/**
 * Standing after one more result. The first success brings a new server up at once; one that has failed returns
 * after `rise` successes in a row, and one that is up goes down after `fall` failures in a row.
 */
export function nextStanding(
  standing: Standing,
  passed: boolean,
  thresholds: { readonly rise: number; readonly fall: number },
): Standing {
  const shown: HealthState = passed ? "up" : "down";
  if (standing.isNew || shown === standing.state) return { state: shown, contradictions: 0, isNew: false };
  const contradictions = standing.contradictions + 1;
  const needed = passed ? thresholds.rise : thresholds.fall;
  return contradictions >= needed
    ? { state: shown, contradictions: 0, isNew: false }
    : { state: standing.state, contradictions, isNew: false };
}
