import assert from "node:assert/strict";
import { Monitor } from "../../host/monitor.ts";

Deno.test("Monitor hands over whole lines, tells of the program's end and of its next start", async () => {
  const heard: string[] = [];
  const ended = Promise.withResolvers<void>();
  // The pause cuts a line in two parts.
  const words = ["sh", "-c", "printf 'first\\nsec'; sleep 0.1; printf 'ond\\nunfinished'"];
  const monitor = new Monitor(words, {
    onLine: (line) => heard.push(line),
    onGap: () => {
      heard.push("gap");
      if (heard.length === 7) ended.resolve();
    },
  });
  await ended.promise;
  await monitor[Symbol.asyncDispose]();
  assert.deepEqual(heard, ["first", "second", "gap", "gap", "first", "second", "gap"]);
});

Deno.test("Monitor takes a program that cannot be started for a gap, and tries again", async () => {
  // The kernel takes no arguments of this length (execve(2), E2BIG).
  const words: string[] = ["echo", "x".repeat(1 << 20)];
  const { promise: heard, resolve } = Promise.withResolvers<string>();
  await using _ = new Monitor(words, {
    onLine: (line) => resolve(line),
    // Whatever was in the way is no more.
    onGap: () => words[1] = "started",
  });
  assert.equal(await heard, "started");
});
