/**
 * What keeps a director's own kernel away from VIP traffic while the director runs.
 *
 * @module
 */

import type { Guarded } from "./guard_chains.ts";

/** What is guarded, and can change on somebody's order. */
export type Covered = Pick<Guarded, "vips" | "uplinks">;

export interface Guard {
  /** Whether there are rules that drop what the kernel is not to see. */
  readonly hasRules: boolean;
  /**
   * Covers this instead of what was covered of its kind before.
   *
   * @throws {HostError} If the host does not allow it; what was covered before still is.
   */
  cover(change: Partial<Covered>): Promise<void>;
}
