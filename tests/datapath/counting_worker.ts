/**
 * A Worker that commits counters for ever: every total of a commit is the same number, which rises.
 *
 * @module
 */

import { CounterWriter } from "../../datapath/counters.ts";
import { VERDICTS } from "../../datapath/verdict.ts";
import { Cluster, web } from "./cluster.ts";

declare const self: DedicatedWorkerGlobalScope;

self.onmessage = ({ data: buffer }: MessageEvent<SharedArrayBuffer>) => {
  const writer = new CounterWriter(buffer);
  const { table, destinations } = new Cluster([web()]);
  const verdicts = new Float64Array(VERDICTS.length);
  const commit = (total: number) => {
    const numbered = Object.create(table, { generation: { value: total } });
    writer.commit(numbered, destinations, verdicts.fill(total), total, {
      captureDrops: total,
      transmitErrors: 0,
    });
  };
  commit(1);
  self.postMessage("counting");
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let total = 2;; total++) {
    commit(total);
    // Without a pause a reader on a busy machine would hardly ever find a moment.
    Atomics.wait(pause, 0, 0, 0.01);
  }
};
