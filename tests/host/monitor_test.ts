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

/** Ends a wait that would never end; no test depends on it. */
const HANG_MS = 20_000;

/** Waits for something that somebody else does in no time. */
async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + HANG_MS;
  while (!condition()) {
    assert(performance.now() < deadlineMs, "waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("Monitor shares a program with others of the same words, and ends it with the last of them", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-monitor-" });
  try {
    const pids = () => Deno.readTextFileSync(`${folder}/pids`).trim().split("\n");
    const isRunning = (pid: string) => {
      const { success } = new Deno.Command("kill", { args: ["-0", pid], stderr: "null" }).outputSync();
      return success;
    };
    await new Deno.Command("mkfifo", { args: [`${folder}/lines`] }).output();
    const words = ["sh", "-c", `echo $$ >>${folder}/pids; exec 3<>${folder}/lines; exec cat <&3`];
    const heard: Record<string, string[]> = { one: [], other: [] };
    const listener = (name: string) => ({
      onLine: (line: string) => void heard[name]!.push(line),
      onGap: () => heard[name]!.push("gap"),
    });
    const one = new Monitor(words, listener("one"));
    const other = new Monitor([...words], listener("other"));
    await Deno.writeTextFile(`${folder}/lines`, "first\n");
    await until(() => heard.one!.length === 1 && heard.other!.length === 1);
    await one[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
    await Deno.writeTextFile(`${folder}/lines`, "second\n");
    await until(() => heard.other!.length === 2);
    assert.deepEqual(heard, { one: ["first"], other: ["first", "second"] });
    const [pid, ...more] = pids();
    assert.deepEqual([isRunning(pid!), more], [true, []]);
    await other[Symbol.asyncDispose]();
    assert.equal(isRunning(pid!), false);

    await using _ = new Monitor(words, listener("one"));
    await until(() => pids().length === 2);
    await Deno.writeTextFile(`${folder}/lines`, "third\n");
    await until(() => heard.one!.length === 2);
    assert.equal(heard.one!.at(-1), "third", "one that has ended is started anew");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
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
