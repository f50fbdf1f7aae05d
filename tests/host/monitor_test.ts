import assert from "node:assert/strict";
import { Monitor } from "../../host/monitor.ts";

Deno.test("Monitor hands over whole lines, tells of the program's end, and starts it again", async () => {
  const heard: string[] = [];
  const ended = Promise.withResolvers<void>();
  // The pause cuts a line in two parts.
  const words = ["sh", "-c", "printf 'first\\nsec'; sleep 0.1; printf 'ond\\nunfinished'"];
  const monitor = new Monitor(words, {
    onLine: (line) => heard.push(line),
    onGap: () => {
      heard.push("gap");
      if (heard.length === 6) ended.resolve();
    },
  });
  await ended.promise;
  monitor[Symbol.dispose]();
  assert.deepEqual(heard, ["first", "second", "gap", "first", "second", "gap"]);
});
