/**
 * Ten million hostile frames, shared out among the processors. Ends at the first violation, whose message holds the
 * frame and names the seed of its share: `LVSDR_FUZZ_SEED` with it repeats that share.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import { VERDICTS } from "../../datapath/verdict.ts";
import { formatCount } from "../../lab/quantity.ts";
import type { Share, ShareReport } from "./fuzz_worker.ts";
import { type Finding, progress, runBench } from "./report.ts";

const FRAMES = 10_000_000;
const FRAMES_PER_LINE = 1_000_000;

/** Returns how many frames ended in each verdict. */
function take(share: Share, onProgress: (taken: number) => void): Promise<Float64Array> {
  const worker = new Worker(new URL("./fuzz_worker.ts", import.meta.url), { type: "module" });
  worker.postMessage(share);
  return new Promise((resolve) => {
    worker.onmessage = ({ data: report }: MessageEvent<ShareReport>) => {
      if (report.kind === "done") resolve(report.verdicts);
      else onProgress(report.taken);
    };
  });
}

async function measure(): Promise<Finding[]> {
  const seed = Number(Deno.env.get("LVSDR_FUZZ_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const lanes = availableParallelism();
  progress(`LVSDR_FUZZ_SEED=${seed}, in ${lanes} shares with the seeds from there on`);
  const taken = new Array<number>(lanes).fill(0);
  let next = FRAMES_PER_LINE;
  const shares = await Promise.all(
    taken.map((_, lane) =>
      take({ seed: seed + lane, frames: Math.ceil(FRAMES / lanes) }, (frames) => {
        taken[lane] = frames;
        if (sum(taken) < next) return;
        progress(`${formatCount(next)} frames`);
        next += FRAMES_PER_LINE;
      })
    ),
  );
  const ends = VERDICTS.map(({ name }, verdict) =>
    [name, sum(shares.map((verdicts) => verdicts[verdict]!))] as const
  );
  for (const [name, frames] of ends) progress(`  ${name.padEnd(26)}${formatCount(frames).padStart(11)}`);
  const met = ends.filter(([, frames]) => frames > 0).length;
  const all = sum(ends.map(([, frames]) => frames));
  return [{
    what: "hostile frames, invented or mutated, without a violation",
    result: `${formatCount(all)} (seed ${seed}), ${met} of ${VERDICTS.length} verdicts met`,
    bar: { wanted: formatCount(FRAMES), isMet: all >= FRAMES },
    figures: { seed, ...Object.fromEntries(ends) },
  }];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

if (import.meta.main) await runBench(measure);
