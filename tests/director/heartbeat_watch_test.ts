import assert from "node:assert/strict";
import { HeartbeatWatch } from "../../director/heartbeat_watch.ts";

Deno.test("HeartbeatWatch finds a worker hanging at the tenth look without a beat, whatever the others do", () => {
  const watch = new HeartbeatWatch();
  assert.equal(watch.look([7, 70]), false);
  for (let look = 1; look <= 9; look++) assert.equal(watch.look([7, 70 + look]), false, `look ${look}`);
  assert.equal(watch.look([7, 80]), true);
});

Deno.test("HeartbeatWatch starts to count anew at every beat, also of a counter that wraps", () => {
  const watch = new HeartbeatWatch();
  for (let beat = 0; beat < 5; beat++) {
    const wrapped = (0x7fff_fffe + beat) | 0;
    for (let look = 0; look < 10; look++) assert.equal(watch.look([wrapped]), false);
  }
});

Deno.test("HeartbeatWatch is as patient as it is told to be", () => {
  const watch = new HeartbeatWatch(3);
  assert.deepEqual([0, 0, 0, 0].map((beat) => watch.look([beat])), [false, false, false, true]);
});
