import assert from "node:assert/strict";
import { bytesPerRepetition, keep } from "./allocation_meter.ts";

Deno.test("bytesPerRepetition() is zero for a loop over typed arrays", () => {
  const numbers = new Float64Array(64).fill(1.5);
  const bytes = bytesPerRepetition((times) => {
    for (let time = 0; time < times; time++) numbers[time & 63]! += numbers[(time + 1) & 63]!;
  });
  assert.ok(bytes < 1, `${bytes} bytes`);
});

Deno.test("bytesPerRepetition() sees one subarray() a repetition", () => {
  const frame = new Uint8Array(64);
  const bytes = bytesPerRepetition((times) => {
    for (let time = 0; time < times; time++) keep(frame.subarray(14));
  });
  assert.ok(bytes > 50 && bytes < 300, `${bytes} bytes`);
});

Deno.test("bytesPerRepetition() sees one object in 20 repetitions", () => {
  const bytes = bytesPerRepetition((times) => {
    for (let time = 0; time < times; time++) if (time % 20 === 0) keep({ time });
  });
  assert.ok(bytes > 1, `${bytes} bytes`);
});
