import assert from "node:assert/strict";

const SCRIPT = new URL("./log_lines.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

const MESSAGES = ["it's up", 'a {brace}, {{two}} and "quotes"', "first line\nsecond line"];

function scriptWords(format: string): string[] {
  return [Deno.execPath(), "run", "--quiet", "--config", CONFIG, "--permission-set", SCRIPT, format];
}

/** What the events look like as a process with this environment logs them. */
async function logged(format: string, env: Readonly<Record<string, string>>): Promise<string> {
  const [program, ...args] = scriptWords(format);
  const { JOURNAL_STREAM: _, NO_COLOR: __, ...inherited } = Deno.env.toObject();
  const { stderr } = await new Deno.Command(program!, { args, clearEnv: true, env: { ...inherited, ...env } })
    .output();
  return new TextDecoder().decode(stderr);
}

/** The same on a terminal, made by script(1). */
async function loggedOnTerminal(env: Readonly<Record<string, string>>): Promise<string> {
  const args = ["--quiet", "--return", "--command", scriptWords("text").join(" "), "/dev/null"];
  const { stdout } = await new Deno.Command("script", { args, env, stdin: "null" }).output();
  return new TextDecoder().decode(stdout).replaceAll("\r", "");
}

Deno.test("the text log has date, level and name before each message", async () => {
  const text = await logged("text", {});
  const lines = text.split("\n");
  assert.match(lines[0]!, /^\d{4}-\d\d-\d\dT[\d:.]{12}Z info {4}director\.started: it's up$/);
  assert(lines[1]!.endsWith(` warning neighbor.lost: ${MESSAGES[1]}`), lines[1]);
  assert(text.endsWith(` error   config.refused: ${MESSAGES[2]}\n`), text);
});

Deno.test("the log for journald has the priority before every line", async () => {
  assert.equal(
    await logged("text", { JOURNAL_STREAM: "8:12345" }),
    `<6>director.started: it's up
<4>neighbor.lost: ${MESSAGES[1]}
<3>config.refused: first line
<3>second line
`,
  );
});

Deno.test("the JSON log has one object a line with the message as it is", async () => {
  const lines = (await logged("json", { JOURNAL_STREAM: "8:12345" })).trimEnd().split("\n");
  const records = lines.map((line) => JSON.parse(line));
  assert.deepEqual(records.map(({ message }) => message), MESSAGES);
  assert.deepEqual(records.map(({ logger }) => logger), [
    "director.started",
    "neighbor.lost",
    "config.refused",
  ]);
  assert.deepEqual(records.map(({ level }) => level), ["INFO", "WARN", "ERROR"]);
});

Deno.test("the log on a terminal is coloured unless NO_COLOR is set, and never prefixed for journald", async () => {
  const coloured = await loggedOnTerminal({ JOURNAL_STREAM: "8:12345", NO_COLOR: "" });
  for (const message of MESSAGES) assert(coloured.includes(message), coloured);
  assert.doesNotMatch(coloured, /<\d>/);
  const plain = await loggedOnTerminal({ JOURNAL_STREAM: "8:12345", NO_COLOR: "1" });
  // deno-lint-ignore no-control-regex -- escape sequences begin with one
  assert.doesNotMatch(plain, /\x1b|<\d>/);
});
