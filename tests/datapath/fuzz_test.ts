/**
 * Whatever arrives, the forwarder decides, and writes nothing it has no business with. `LVSDR_FUZZ_SEED` repeats a
 * run; `./dev bench fuzz` is a longer one.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Verdict, VERDICTS } from "../../datapath/verdict.ts";
import { fuzz } from "./fuzz.ts";

const SEED = Number(Deno.env.get("LVSDR_FUZZ_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const FRAMES = 300_000;

/** Verdicts that need a director in a special state. */
const RARE: readonly number[] = [
  Verdict.DroppedServerLost,
  Verdict.DroppedUnresolved,
  Verdict.DroppedTableFull,
];

Deno.test(`forwardFrame() takes ${FRAMES} hostile frames (LVSDR_FUZZ_SEED=${SEED})`, () => {
  const verdicts = fuzz({ seed: SEED, frames: FRAMES });
  // Else the frames were not hostile enough.
  for (const verdict of Object.values(Verdict)) {
    if (!RARE.includes(verdict)) assert.ok(verdicts[verdict]! > 0, `${VERDICTS[verdict]!.name} never met`);
  }
});
