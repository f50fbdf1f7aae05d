/**
 * Runs all tests: those of the lab in two halves, and all others beside them. The lab mostly waits for clocks, so that
 * a machine of two CPUs needs little longer for all than for one half alone; the others are nice to it.
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
/** Name that the second half of the lab begins with; both take as long. */
const SECOND_HALF = "lab";

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
  const names = Array.from(Deno.readDirSync(LAB), ({ name }) => name).filter((name) =>
    name.endsWith("_test.ts")
  ).sort();
  const half = (isSecond: boolean) =>
    names.filter((name) => (name >= SECOND_HALF) === isSecond).map((name) => `${LAB}/${name}`);
  const outcomes = await Promise.all([
    runTests(half(false), print),
    runTests(half(true), () => {}),
    runTests([`--ignore=${LAB}`], () => {}, ["nice", "-n", "10"]),
  ]);
  for (const { text } of outcomes.slice(1)) print(new TextEncoder().encode(text));
  const total = (word: string) => outcomes.reduce((sum, { text }) => sum + count(word, text), 0);
  const isOk = outcomes.every(({ code }) => code === 0);
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
