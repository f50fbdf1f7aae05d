/**
 * What happens in a director: logged, and kept for the status page.
 *
 * @module
 */

import type { DirectorEvent, EventLevel } from "../model/status_snapshot.ts";

/** Events the status page can look back on. */
const KEPT_EVENTS = 100;

/** Where log lines go. */
export type LogSink = (event: DirectorEvent) => void;

/** The newest events, and the way every event takes. */
export class EventLog {
  readonly #sink: LogSink;
  readonly #events: DirectorEvent[] = [];

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  /** Newest first, at most 100. */
  get newest(): readonly DirectorEvent[] {
    return this.#events;
  }

  /**
   * Reports a transition.
   *
   * @param name Dotted, listed in the README.
   * @param message A sentence for people, without a full stop.
   */
  report(level: EventLevel, name: string, message: string): void {
    const event = { at: new Date().toISOString(), level, name, message };
    this.#events.unshift(event);
    this.#events.length = Math.min(this.#events.length, KEPT_EVENTS);
    this.#sink(event);
  }
}
