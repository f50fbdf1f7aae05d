/**
 * A share of the frames of the fuzz bench, on a processor of its own. A violation is an error that ends the bench.
 *
 * @module
 */

import { fuzz } from "../datapath/fuzz.ts";

export interface Share {
  readonly seed: number;
  readonly frames: number;
}

export type ShareReport =
  | { readonly kind: "progress"; readonly taken: number }
  | { readonly kind: "done"; readonly verdicts: Float64Array };

declare const self: DedicatedWorkerGlobalScope;

const FRAMES_PER_REPORT = 100_000;

function report(message: ShareReport): void {
  self.postMessage(message);
}

self.onmessage = ({ data: { seed, frames } }: MessageEvent<Share>) => {
  let next = FRAMES_PER_REPORT;
  const onProgress = (taken: number) => {
    if (taken < next) return;
    report({ kind: "progress", taken });
    next += FRAMES_PER_REPORT;
  };
  report({ kind: "done", verdicts: fuzz({ seed, frames, onProgress }) });
  self.close();
};
