import assert from "node:assert/strict";
import type { SchedulerName } from "../../model/config.ts";
import { NONE } from "../../scheduler/mod.ts";
import { flowFrom, schedulerWith, serverSet } from "./server_set.ts";

/** What Linux 6.1 IPVS picked for 24 new TCP connections, of which it saw nothing but the SYN. */
interface RecordedRun {
  readonly scheduler: SchedulerName;
  readonly weights: readonly number[];
  /** Index of a server, or the ICMP error that the client got. */
  readonly picks: readonly (number | string)[];
}

const RUNS: readonly RecordedRun[] = Deno.readTextFileSync(new URL("ipvs_order.jsonl", import.meta.url))
  .trim().split("\n").map((line) => JSON.parse(line));

for (const run of RUNS) {
  Deno.test(`${run.scheduler} with weights ${run.weights} picks in the order of a real kernel`, () => {
    const servers = serverSet(run.weights);
    const scheduler = schedulerWith(run.scheduler, servers);
    const picks = run.picks.map((_, connection) => {
      const picked = scheduler.pick(flowFrom(0xc6336401, 40_000 + connection), connection);
      if (picked === NONE) return "icmp 3/3";
      servers.active[picked]!++;
      return picked;
    });
    assert.deepEqual(picks, run.picks);
  });
}

Deno.test("the recorded runs cover eight schedulers", () => {
  assert.deepEqual(
    [...new Set(RUNS.map((run) => run.scheduler))],
    ["rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf"],
  );
});
