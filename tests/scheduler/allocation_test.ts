import assert from "node:assert/strict";
import { bytesPerRepetition } from "../allocation_meter.ts";
import { flowFrom, repeatableRandom, schedulerWith, serverSet, VARIANTS } from "./server_set.ts";

for (const { name, options } of VARIANTS) {
  Deno.test(`${[name, ...options].join(" ")}: pick() allocates nothing`, () => {
    const servers = serverSet([3, 1, 2, 5, 1, 1, 4, 9]);
    // Some are unusable, so that the fallbacks run too.
    servers.overloaded.set([1, 1], 3);
    const scheduler = schedulerWith(name, servers, options);
    const flow = flowFrom(0xc6336401);
    const random = repeatableRandom();
    const nowMs = performance.now(); // as in the datapath, one reading serves many picks
    const bytes = bytesPerRepetition((times) => {
      for (let time = 0; time < times; time++) {
        flow.source[3] = random();
        flow.sourcePort = random() & 0xffff;
        flow.destination[3] = random();
        const picked = scheduler.pick(flow, nowMs);
        if (picked >= 0) servers.active[picked] = random() & 0xf;
      }
    });
    assert.ok(bytes < 1, `${bytes} bytes`);
  });
}
