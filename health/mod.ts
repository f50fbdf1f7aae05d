/**
 * Is the virtual service on this real server answering? Asks; decides nothing about what follows.
 *
 * @example
 * ```ts
 * import { HealthMonitor } from "./mod.ts";
 *
 * const checked = Promise.withResolvers<void>();
 * const monitor = new HealthMonitor({
 *   onTransition: (target, state) => void [target.key, state],
 *   onResult: () => checked.resolve(),
 * });
 * monitor.reconcile([{
 *   key: "web/192.0.2.21",
 *   address: "192.0.2.21",
 *   vip: "192.0.2.10",
 *   check: { type: "tcp", port: 80, intervalMs: 2_000, timeoutMs: 1_000, rise: 2, fall: 3 },
 * }]);
 * await checked.promise;
 * monitor.state("web/192.0.2.21"); // "up" or "down"
 * await monitor.stop();
 * ```
 *
 * @module
 */

export type { Checker, CheckResult } from "./checker.ts";
export { createChecker, HealthMonitor, type HealthMonitorOptions, type HealthTarget } from "./monitor.ts";
export type { HealthState } from "./standing.ts";
export type { Timers } from "./timers.ts";
