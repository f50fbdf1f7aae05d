/**
 * Defaults that both the schema and the checks between keys need.
 *
 * @module
 */

import type { Protocol, SchedulerName } from "../model/config.ts";

export const DEFAULT_PROTOCOL: Protocol = "tcp";
export const DEFAULT_SCHEDULER: SchedulerName = "wlc";
export const DEFAULT_LISTEN = "127.0.0.1:8480";

/** How a real server is checked. */
export const DEFAULT_CHECK = { interval: "2s", timeout: "1s", rise: 2, fall: 3 } as const;
