/**
 * `/events`: server-sent events. A `tick` every second says that there is a newer snapshot; every event of the
 * director follows under the name `event`, oldest first, as JSON.
 *
 * @module
 */

import type { Handler } from "hono";
import { streamSSE } from "hono/streaming";
import type { DirectorEvent, StatusSnapshot } from "../model/status_snapshot.ts";

const TICK_MS = 1000;

/** A browser tab costs one; the answer to more is 503, and the page then asks every few seconds instead. */
export const MAX_CLIENTS = 32;

const isSame = (one: DirectorEvent, other: DirectorEvent): boolean =>
  one.at === other.at && one.name === other.name && one.message === other.message;

/**
 * Events of `current` that `newestSeen` does not include yet, oldest first.
 *
 * @param current Newest first.
 * @param newestSeen The newest event already handled, or `null` if there was none.
 */
export function eventsSince(
  current: readonly DirectorEvent[],
  newestSeen: DirectorEvent | null,
): readonly DirectorEvent[] {
  const known = newestSeen === null ? -1 : current.findIndex((event) => isSame(event, newestSeen));
  return (known === -1 ? current : current.slice(0, known)).toReversed();
}

/** Answers with the stream; a slow reader is waited for, never buffered for. */
export function streamEvents(snapshot: () => StatusSnapshot): Handler {
  let clients = 0;
  return (context) => {
    // Nobody would ever read, or end, the stream made for a HEAD request.
    if (context.req.raw.method === "HEAD") {
      return context.body(null, 200, { "Content-Type": "text/event-stream" });
    }
    if (clients >= MAX_CLIENTS) {
      return context.text("Too many listeners\n", 503, { "Retry-After": "5" });
    }
    clients++;
    const response = streamSSE(context, async (stream) => {
      let wake = (): void => {};
      stream.onAbort(() => wake());
      try {
        let newest = snapshot().events[0] ?? null;
        while (!stream.aborted) {
          const current = snapshot();
          await stream.writeSSE({ event: "tick", data: current.at });
          for (const event of eventsSince(current.events, newest)) {
            await stream.writeSSE({ event: "event", data: JSON.stringify(event) });
          }
          newest = current.events[0] ?? newest;
          if (stream.aborted) break;
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, TICK_MS);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
      } finally {
        clients--;
      }
    });
    response.headers.set("Cache-Control", "no-store");
    return response;
  };
}
