/**
 * What a scheduler takes to choose among ten real servers of different weights, and `mh` to build the table of many.
 *
 * @module
 */

import { SCHEDULER_NAMES } from "../../model/config.ts";
import { buildMaglevTable } from "../../scheduler/maglev_table.ts";
import { flowFrom, schedulerWith, serverSet } from "../scheduler/server_set.ts";
import { type Finding, progress, runBench } from "./report.ts";

const SERVERS = 10;
const PICKS = 500_000;
/** The least of so many rounds counts: other programs only ever make it slower. */
const ROUNDS = 5;
const MANY_SERVERS = 1_000;
const KEY = Uint32Array.of(1, 2, 3, 4);
const FIRST_CLIENT = 0xc6336401;
const NOW_MS = 1_000;

function weights(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 1 + index % 10);
}

/** Milliseconds of the quickest round. */
function leastMilliseconds(run: () => void): number {
  return Math.min(...Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now();
    run();
    return performance.now() - startedAt;
  }));
}

function measure(): Finding[] {
  const picks = SCHEDULER_NAMES.map((name) => {
    const scheduler = schedulerWith(name, serverSet(weights(SERVERS)));
    const flow = flowFrom(FIRST_CLIENT);
    const milliseconds = leastMilliseconds(() => {
      for (let pick = 0; pick < PICKS; pick++) {
        flow.source[3] = FIRST_CLIENT + (pick & 0xffff);
        scheduler.pick(flow, NOW_MS);
      }
    });
    const nanoseconds = milliseconds * 1e6 / PICKS;
    progress(`${name.padEnd(6)}${nanoseconds.toFixed(0).padStart(4)} ns`);
    return { name, nanoseconds };
  });
  const byTime = picks.toSorted((a, b) => a.nanoseconds - b.nanoseconds);
  const [quickest, slowest] = [byTime[0]!, byTime.at(-1)!];
  const servers = serverSet(weights(MANY_SERVERS));
  const building = leastMilliseconds(() => buildMaglevTable(servers.ids, servers.weights, KEY));
  return [
    {
      what: `choosing one of ${SERVERS} real servers`,
      result: `${quickest.nanoseconds.toFixed(0)} ns (\`${quickest.name}\`) to ` +
        `${slowest.nanoseconds.toFixed(0)} ns (\`${slowest.name}\`)`,
      figures: Object.fromEntries(picks.map(({ name, nanoseconds }) => [`${name}Nanoseconds`, nanoseconds])),
    },
    {
      what: `\`mh\` table of ${MANY_SERVERS.toLocaleString("en")} servers`,
      result: `built in ${building.toFixed(0)} ms`,
      figures: { buildingMilliseconds: building },
    },
  ];
}

if (import.meta.main) await runBench(measure);
