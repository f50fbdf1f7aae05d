/**
 * Measures what a loop allocates on the V8 heap. Exact only while no garbage collection runs in between, which is
 * what the flags of `deno task test` are for.
 *
 * @module
 */

const WARM_UPS = 10;
const ROUNDS = 5;

/** Young generation that the meter needs to see: more than V8 gives without the flags. */
const PROBE_BYTES = 96 * 2 ** 20;

/** Keeps the optimizer from removing allocations that only the meter looks at. */
let _sink: unknown;

/**
 * V8 heap bytes that one of `repeat`'s repetitions allocates once optimised: the least of five rounds.
 *
 * @param repeat Does the work as many times as it is told; its own loop must not allocate.
 * @throws {Error} If the young generation is too small to measure anything.
 */
export function bytesPerRepetition(repeat: (times: number) => void, times = 20_000): number {
  assertYoungGenerationIsLarge();
  for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) repeat(times);
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const before = Deno.memoryUsage().heapUsed;
    repeat(times);
    const grown = Deno.memoryUsage().heapUsed - before;
    if (grown >= 0) least = Math.min(least, grown / times);
  }
  return least;
}

/** Fails when {@linkcode PROBE_BYTES} of garbage are collected on the way, as they are with V8's defaults. */
function assertYoungGenerationIsLarge(): void {
  const blockBytes = 2 ** 14;
  for (let attempt = 0; attempt < 3; attempt++) {
    const before = Deno.memoryUsage().heapUsed;
    for (let bytes = 0; bytes < PROBE_BYTES; bytes += blockBytes) {
      _sink = new Array(blockBytes / 8).fill(bytes);
    }
    const grown = Deno.memoryUsage().heapUsed - before;
    _sink = undefined;
    // One attempt may meet the collection that was due anyway.
    if (grown >= PROBE_BYTES * 0.9) return;
  }
  throw new Error(
    "Cannot measure allocations with this young generation: run `deno task test`, or add " +
      "`--v8-flags=--min-semi-space-size=256,--max-semi-space-size=256` to `deno test`",
  );
}

/** Hands a value to the outside, so that its allocation cannot be optimised away. */
export function keep(value: unknown): void {
  _sink = value;
}
