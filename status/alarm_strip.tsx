/**
 * What nobody may overlook: somebody else says that it has a VIP. With the command that helps, to be copied.
 *
 * @module
 */

import type { JSX } from "hono/jsx/jsx-runtime";
import { counted } from "../model/counted.ts";
import type { WireAlarm } from "../model/status_snapshot.ts";
import { age } from "./humanize.ts";
import { Icon } from "./state_badge.tsx";

export function AlarmStrip(
  { alarms, now }: { alarms: readonly WireAlarm[]; now: string },
): JSX.Element | null {
  if (alarms.length === 0) return null;
  return (
    <section class="alarms" aria-label="Alarms">
      {alarms.map((alarm) => (
        <article role="alert">
          <Icon tone="error" />
          <div>
            <p>{alarm.sentence}</p>
            <p class="remedy">
              {`On ${alarm.host}: `}
              <code>{alarm.command}</code>
            </p>
            <p class="quiet sub" title={`${alarm.firstSeen} to ${alarm.lastSeen}`}>
              <code>{alarm.name}</code>
              {` · first seen ${age(alarm.firstSeen, now)}, last ${age(alarm.lastSeen, now)} · ${
                counted(alarm.count, "packet")
              }`}
            </p>
          </div>
        </article>
      ))}
    </section>
  );
}
