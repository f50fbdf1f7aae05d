import assert from "node:assert/strict";
import { EventLog } from "../../director/events.ts";
import type { DirectorEvent } from "../../model/status_snapshot.ts";

Deno.test("EventLog.report() logs every event and keeps the newest 100, the last one first", () => {
  const logged: DirectorEvent[] = [];
  const events = new EventLog((event) => logged.push(event));
  for (let number = 1; number <= 130; number++) events.report("info", "test.event", `number ${number}`);
  assert.equal(logged.length, 130);
  assert.equal(events.newest.length, 100);
  assert.deepEqual(events.newest[0], logged.at(-1));
  assert.equal(events.newest.at(-1)!.message, "number 31");
});

Deno.test("EventLog.report() dates events in UTC", () => {
  const events = new EventLog(() => {});
  events.report("error", "realserver.down", "web/192.0.2.21 is down");
  const [event] = events.newest;
  assert.match(event!.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual([event!.level, event!.name], ["error", "realserver.down"]);
});
