import assert from "node:assert/strict";
import { clipped, folded } from "../../lab/line_width.ts";
import type { Output } from "../../lab/output.ts";
import { Progress } from "../../lab/progress.ts";
import { Report } from "../../lab/report.ts";

/** An output that remembers what was written. */
function paper(isTerminal: boolean, columns: number): Output & { readonly written: string[] } {
  const written: string[] = [];
  return { written, isTerminal, columns, write: (text) => void written.push(text) };
}

Deno.test("Progress counts the seconds in one line of a terminal, which it leaves empty", () => {
  const output = paper(true, 80);
  {
    using progress = new Progress(output, "waiting");
    progress.show(999);
    progress.show(12_345);
    progress.text = "still waiting";
    progress.show(13_000);
  }
  assert.deepEqual(output.written, [
    "\r  waiting …\x1b[K",
    "\r  waiting …\x1b[K",
    "\r  waiting … 12 s\x1b[K",
    "\r  still waiting … 13 s\x1b[K",
    "\r\x1b[K",
  ]);
});

Deno.test("Progress never fills a line of a terminal, and shows the seconds however narrow it is", () => {
  const output = paper(true, 20);
  {
    using progress = new Progress(output, "waiting until nobody waits any more");
    progress.show(61_000);
  }
  for (const text of output.written) {
    assert.ok(text.replace("\r", "").replace("\x1b[K", "").length < 20, text);
  }
  assert.ok(output.written[1]!.endsWith("… … 61 s\x1b[K"), output.written[1]);
});

Deno.test("Progress writes lines elsewhere: none within two seconds, then one in ten at most", () => {
  const output = paper(false, Infinity);
  {
    using progress = new Progress(output, "waiting");
    for (let second = 1; second <= 30; second++) progress.show(second * 1000);
  }
  assert.deepEqual(output.written, ["  waiting … 2 s\n", "  waiting … 12 s\n", "  waiting … 22 s\n"]);
});

Deno.test("Progress ends when its output fails, and not the process", async () => {
  let writes = 0;
  const { promise: failed, resolve } = Promise.withResolvers<void>();
  const output: Output = {
    isTerminal: false,
    columns: Infinity,
    write() {
      writes++;
      resolve();
      throw new Error("no space left");
    },
  };
  const progress = new Progress(output, "waiting");
  // As if it had waited long enough for a line each second.
  const show = progress.show.bind(progress);
  progress.show = () => show(2_000 + 10_000 * (writes + 1));
  await failed;
  // A second one would come in the same second.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  assert.equal(writes, 1);
  progress[Symbol.dispose]();
});

Deno.test("Report.during() shows what it does and ends with it, whether it succeeds or not", async () => {
  const output = paper(true, 80);
  const report = new Report(output);
  assert.equal(await report.during("waiting", () => Promise.resolve(7)), 7);
  await assert.rejects(report.during("failing", () => Promise.reject(new Error("no"))), /no/);
  assert.deepEqual(output.written, [
    "\r  waiting …\x1b[K",
    "\r\x1b[K",
    "\r  failing …\x1b[K",
    "\r\x1b[K",
  ]);
});

Deno.test("Report folds what it claims to the width of a terminal, and nowhere else", () => {
  const words = "twenty words of evidence ".repeat(5).trim();
  const lines = (isTerminal: boolean, columns: number) => {
    const output = paper(isTerminal, columns);
    new Report(output).claim(words, true, [words]);
    // deno-lint-ignore no-control-regex
    return output.written.join("").replace(/\x1b\[\d*m/g, "").trimEnd().split("\n");
  };
  assert.deepEqual(lines(false, Infinity), [`  holds  ${words}`, `         ${words}`]);
  const narrow = lines(true, 60);
  assert.ok(narrow.length > 4 && narrow.every((line) => line.length <= 60), narrow.join("\n"));
  assert.equal(
    narrow.map((line) => line.slice(9).trimStart()).join(" "),
    `${words} ${words}`,
  );
});

Deno.test("folded() keeps words whole, and clipped() says that it cut", () => {
  assert.deepEqual(folded(`${"a".repeat(50)} b`, 40), ["a".repeat(50), "b"]);
  assert.deepEqual(folded("", 40), [""]);
  assert.equal(clipped("1234567890", 10), "1234567890");
  assert.equal(clipped("12345678901", 10), "123456789…");
});
