/**
 * Holding a hardened host: noticing when something takes the hardening apart, saying so, and putting it back.
 *
 * @module
 */

import { HostError } from "../model/operator_error.ts";
import { DriftReporter, type Telling } from "./drift_reporter.ts";
import { DriftWatch, type Seen, type WatchScope } from "./drift_watch.ts";
import { repairHost, type Repairing } from "./repair.ts";

export interface Holding extends Telling, Repairing {
  readonly watchScope: WatchScope;
  /** Called when drift is noticed from now on; called again after the next look if it throws a `HostError`. */
  onReady(): Promise<void>;
}

/** Holds the host until `signal` is aborted. What it cannot repair it reports once, and tries again each second. */
export async function holdHost(holding: Holding, signal: AbortSignal): Promise<void> {
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  const look = looker(holding);
  await using _watch = new DriftWatch(holding.watchScope, { look, onFault: reject });
  await over;
}

/** Looks at the host and mends what has drifted, each time the returned function is called. */
function looker(holding: Holding): (clues: readonly string[]) => Promise<Seen> {
  const reporter = new DriftReporter(holding);
  let { sysctls } = holding.verified.state;
  let isReady = false;
  return async (clues) => {
    try {
      let seen = await holding.look();
      let failed = await reporter.tell(seen, clues);
      if (failed.length > 0 && holding.isRepairing) {
        await repairHost(holding, seen, failed);
        seen = await holding.look();
        failed = await reporter.tell(seen, []);
      }
      sysctls = seen.state.sysctls;
      // Said after the first look, when the reports are being listened to.
      if (!isReady) await holding.onReady();
      isReady = true;
      return { sysctls, isInOrder: failed.length === 0 || !holding.isRepairing };
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      reporter.trouble(error);
      return { sysctls, isInOrder: false };
    }
  };
}
