/**
 * Runs all tests: those of the lab one after the other, and all others beside them. The lab mostly waits for clocks,
 * so that a machine of two CPUs needs no longer for both than for the lab alone; the others are nice to it.
 *
 * @example
 * ```sh
 * deno run -P tests/run.ts                     # all
 * deno run -P tests/run.ts tests/lab/a_test.ts # some, as deno test would
 * ```
 *
 * @module
 */

/** A young generation that no measurement of allocations fills. */
const ENGINE = "--v8-flags=--min-semi-space-size=256,--max-semi-space-size=256";
const LAB = "tests/lab";

/** What a run of tests came to. */
interface Outcome {
  readonly code: number;
  /** What it printed. */
  readonly text: string;
}

/** Runs tests; `show` gets what they print as they print it. */
async function runTests(
  args: readonly string[],
  show: (chunk: Uint8Array) => void,
  before: readonly string[] = [],
): Promise<Outcome> {
  const [program, ...rest] = [...before, Deno.execPath(), "test", "-q", "-P", "--no-check", ENGINE, ...args];
  const child = new Deno.Command(program!, { args: rest, stdout: "piped", stderr: "inherit" }).spawn();
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout) {
    show(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return { code: (await child.status).code, text };
}

/** The number before a word in the last summary, for example 12 of `ok | 12 passed | 0 failed`. */
function count(word: string, text: string): number {
  // deno-lint-ignore no-control-regex
  const lines = text.replaceAll(/\x1b\[[0-9;]*m/g, "").split("\n");
  const summary = lines.findLast((line) => /^(ok|FAILED) \| \d+ passed/.test(line)) ?? "";
  return Number(summary.match(new RegExp(`(\\d+) ${word}`))?.[1] ?? 0);
}

function print(chunk: Uint8Array): void {
  for (let written = 0; written < chunk.length;) written += Deno.stdout.writeSync(chunk.subarray(written));
}

async function runAll(): Promise<number> {
  const [lab, others] = await Promise.all([
    runTests([LAB], print),
    runTests([`--ignore=${LAB}`], () => {}, ["nice", "-n", "10"]),
  ]);
  print(new TextEncoder().encode(others.text));
  const total = (word: string) => count(word, lab.text) + count(word, others.text);
  const isOk = lab.code === 0 && others.code === 0;
  const ignored = total("ignored") === 0 ? "" : ` | ${total("ignored")} ignored`;
  print(new TextEncoder().encode(
    `all tests:\n${isOk ? "ok" : "FAILED"} | ${total("passed")} passed | ${
      total("failed")
    } failed${ignored}\n`,
  ));
  return isOk ? 0 : 1;
}

if (import.meta.main) {
  Deno.exitCode = Deno.args.length === 0 ? await runAll() : (await runTests(Deno.args, print)).code;
}
