import { buildMaglevTable } from "../../scheduler/maglev_table.ts";
import { flowFrom, schedulerWith, serverSet } from "../scheduler/server_set.ts";

const KEY = Uint32Array.of(1, 2, 3, 4);

for (const count of [10, 100, 1_000]) {
  const servers = serverSet(Array.from({ length: count }, (_, index) => 1 + index % 10));
  Deno.bench(`Maglev: building the table of ${count} servers`, () => {
    buildMaglevTable(servers.ids, servers.weights, KEY);
  });
}

const scheduler = schedulerWith("mh", serverSet([1, 1, 1]));
const flow = flowFrom(0xc6336401);
Deno.bench("Maglev: pick()", () => {
  flow.source[3]!++;
  scheduler.pick(flow, 0);
});
