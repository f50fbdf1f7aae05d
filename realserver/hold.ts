/**
 * Holding a hardened host: noticing when something takes the hardening apart, saying so, and putting it back.
 *
 * @module
 */

import { HostError } from "../model/operator_error.ts";
import { DriftReporter, type Telling } from "./drift_reporter.ts";
import { DriftWatch, type WatchScope } from "./drift_watch.ts";
import { repairHost, type Repairing } from "./repair.ts";

export interface Holding extends Telling, Repairing {
  readonly watchScope: WatchScope;
  /** Called when drift is noticed from now on; called again after the next look if it throws a `HostError`. */
  onReady(): Promise<void>;
}

/** Holds the host until `signal` is aborted. What it cannot repair it reports once, and tries again each second. */
export async function holdHost(holding: Holding, signal: AbortSignal): Promise<void> {
  await using watch = new DriftWatch(holding.watchScope);
  const reporter = new DriftReporter(holding);
  let sysctls = holding.verified.state.sysctls;
  let isInOrder = true;
  let isReady = false;
  while (true) {
    const clues = await watch.next({ sysctls, isInOrder }, signal);
    if (clues === null) return;
    try {
      let seen = await holding.look();
      let failed = await reporter.tell(seen, clues);
      if (failed.length > 0 && holding.isRepairing) {
        await repairHost(holding, seen, failed);
        seen = await holding.look();
        failed = await reporter.tell(seen, []);
      }
      sysctls = seen.state.sysctls;
      isInOrder = failed.length === 0 || !holding.isRepairing;
      // Said after the first look, when the reports are being listened to.
      if (!isReady) await holding.onReady();
      isReady = true;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      reporter.trouble(error);
      isInOrder = false;
    }
  }
}
