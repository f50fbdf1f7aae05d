/**
 * The command line as its users meet it: lvsdr as a process, from source and as the compiled executable. The
 * executable starts in an empty directory with an empty environment.
 *
 * @module
 */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../deno.json" with { type: "json" };
import { selfCommand } from "../lab/self_command.ts";
import { ExitCode } from "../model/exit_code.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const COMMANDS = [
  "director",
  "realserver",
  "check",
  "schema",
  "status",
  "verify",
  "doctor",
  "explain",
  "lab",
  "version",
];
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

const GOOD_CONFIG = `director: { interface: nosuch0 }
services:
  - name: web
    vip: 192.0.2.10
    protocol: tcp
    port: 80
    scheduler: rr
    servers:
      - address: 192.0.2.21
`;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Program {
  readonly name: string;
  /** Why it cannot be run here; empty if it can. */
  readonly skipReason: string;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Outcome>;
}

const directory = mkdtempSync(join(tmpdir(), "lvsdr-main-test-"));
// Other users have to reach the executable and the configuration.
chmodSync(directory, 0o755);
const goodConfig = join(directory, "good.yaml");
const badConfig = join(directory, "bad.yaml");
const emptyDirectory = join(directory, "empty");
writeFileSync(goodConfig, GOOD_CONFIG);
writeFileSync(
  badConfig,
  GOOD_CONFIG.replace("protocol: tcp", "protocol: tpc").replace("scheduler", "schedular"),
);
mkdirSync(emptyDirectory);
Deno.test.afterAll(() => rmSync(directory, { recursive: true }));

async function execute(words: readonly string[], options: Deno.CommandOptions = {}): Promise<Outcome> {
  const command = new Deno.Command(words[0]!, { ...options, args: words.slice(1), stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

let built: Promise<string> | null = null;

/** Compiles lvsdr with the words of the task `build`, once. */
function executable(): Promise<string> {
  built ??= (async () => {
    const path = join(directory, "lvsdr");
    const words = manifest.tasks.build.command.replace("dist/lvsdr", path).split(" ");
    const { code, stderr } = await execute([Deno.execPath(), ...words.slice(1)], { cwd: ROOT });
    assert.equal(code, 0, stderr);
    return path;
  })();
  return built;
}

/** Whether `deno compile` has a runtime to build on, or can download one. */
async function hasRuntime(): Promise<boolean> {
  if (Deno.env.has("DENORT_BIN")) return true;
  try {
    const answer = await fetch("https://dl.deno.land/release-latest.txt", {
      signal: AbortSignal.timeout(5_000),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

const skipReason = await hasRuntime()
  ? ""
  : "no runtime for deno compile: set DENORT_BIN or allow its download";

const PROGRAMS: readonly Program[] = [
  {
    name: "lvsdr from source",
    skipReason: "",
    run: (args, env = {}) => execute(selfCommand(args), { env: { NO_COLOR: "1", ...env } }),
  },
  {
    name: "The compiled lvsdr",
    skipReason,
    run: async (args, env = {}) =>
      await execute([await executable(), ...args], { cwd: emptyDirectory, clearEnv: true, env }),
  },
];

function test(program: Program, does: string, fn: (run: Program["run"]) => Promise<void>): void {
  const suffix = program.skipReason === "" ? "" : ` (skipped: ${program.skipReason})`;
  Deno.test({
    name: `${program.name} ${does}${suffix}`,
    ignore: suffix !== "",
    fn: () => fn(program.run),
  });
}

for (const program of PROGRAMS) {
  test(program, "shows help without libpcap", async (run) => {
    const { code, stdout, stderr } = await run(["--help"], { LVSDR_LIBPCAP: "/nonexistent" });
    assert.deepEqual({ code, stderr }, { code: ExitCode.OK, stderr: "" });
    const [, commands = ""] = stdout.split("\nCommands:\n");
    const listed = [...commands.matchAll(/^ {2}(\w[\w-]*)/gm)].map(([, name]) => name);
    assert.deepEqual(listed, [...COMMANDS, "help"]);
  });

  test(program, "explains every command with --help", async (run) => {
    for (const command of COMMANDS) {
      const { code, stdout } = await run([command, "--help"]);
      assert.equal(code, ExitCode.OK);
      assert.match(stdout, new RegExp(`^Usage: lvsdr ${command}\\b`));
      assert.doesNotMatch(stdout, /default: false/);
    }
  });

  test(program, "prints its version", async (run) => {
    for (const words of [["version"], ["--version"]]) {
      assert.deepEqual(await run(words), { code: 0, stdout: `${manifest.version}\n`, stderr: "" });
    }
  });

  test(program, "suggests the command and the option that were meant", async (run) => {
    const command = await run(["chek", goodConfig]);
    assert.equal(command.code, ExitCode.USAGE);
    assert.match(command.stderr, /unknown command 'chek'\n\(Did you mean check\?\)/);
    const option = await run(["check", "--jsn", goodConfig]);
    assert.equal(option.code, ExitCode.USAGE);
    assert.match(option.stderr, /unknown option '--jsn'\n\(Did you mean --json\?\)/);
    for (const words of [["director", "--confg", goodConfig], ["verify", "--confg", goodConfig]]) {
      const { code, stderr } = await run(words);
      assert.equal(code, ExitCode.USAGE);
      assert.match(stderr, /unknown option '--confg'\n\(Did you mean --config\?\)/);
    }
  });

  test(program, "refuses a wrong command line with the usage code", async (run) => {
    for (
      const words of [[], ["director"], ["verify"], ["director", "--undo", "-c", goodConfig], [
        "lab",
        "--servers",
        "99",
      ], ["lab", "--break", "glass"]]
    ) {
      const { code, stdout, stderr } = await run(words);
      assert.equal(code, ExitCode.USAGE, `lvsdr ${words.join(" ")}`);
      assert.equal(stdout, "");
      assert.notEqual(stderr, "");
    }
  });

  test(program, "accepts a good configuration", async (run) => {
    const { code, stderr } = await run(["check", goodConfig]);
    assert.deepEqual({ code, stderr }, { code: ExitCode.OK, stderr: "" });
  });

  test(program, "reports all errors of a bad configuration with their places", async (run) => {
    const { code, stderr } = await run(["check", badConfig]);
    assert.equal(code, ExitCode.CONFIG);
    assert.match(stderr, new RegExp(`^${badConfig}:5:15: services\\[0\\]\\.protocol: .*"tcp"`, "m"));
    assert.match(stderr, new RegExp(`^${badConfig}:7:5: services\\[0\\]\\.schedular: .*"scheduler"`, "m"));
  });

  test(program, "says which configuration is not there", async (run) => {
    const missing = join(directory, "missing.yaml");
    for (const words of [["check", missing], ["director", "--config", missing]]) {
      const { code, stderr } = await run(words);
      assert.equal(code, ExitCode.CONFIG);
      assert.match(stderr, new RegExp(`"${missing}"`));
    }
  });

  test(program, "says that no director runs on an unused run directory", async (run) => {
    const { code, stderr } = await run(["status", "--run-dir", emptyDirectory]);
    assert.equal(code, ExitCode.UNAVAILABLE);
    assert.match(stderr, /^lvsdr: /);
    assert.doesNotMatch(stderr, /\n {4}at /, "no stack trace");
  });

  test(program, "names the missing libpcap and how to get on", async (run) => {
    const runDir = join(directory, "run");
    const words = ["director", "--config", goodConfig, "--run-dir", runDir];
    const { code, stderr } = await run(words, { LVSDR_LIBPCAP: "/nonexistent" });
    assert.equal(code, ExitCode.UNAVAILABLE);
    assert.match(stderr, /LVSDR_LIBPCAP/);
    assert.doesNotMatch(stderr, /\n {4}at /, "no stack trace");
  });

  test(program, "names an interface that does not exist", async (run) => {
    const words = ["director", "--config", goodConfig, "--run-dir", join(directory, "run")];
    const { code, stderr } = await run(words);
    assert.equal(code, ExitCode.UNAVAILABLE);
    assert.match(stderr, /nosuch0/);
    assert.doesNotMatch(stderr, /\n {4}at /, "no stack trace");
  });
}

/** Makes the descriptor in front of it a pipe whose reader has left, then runs the words that follow. */
const WITHOUT_READER = 'mkfifo "$1"; exec 3<>"$1"; eval "exec $0>\\"\\$1\\" 3<&-"; shift; exec "$@"';

for (
  const { descriptor, args, code } of [
    { descriptor: 1, args: ["schema"], code: ExitCode.OK },
    { descriptor: 1, args: ["--help"], code: ExitCode.OK },
    { descriptor: 1, args: ["check", "--json", badConfig], code: ExitCode.CONFIG },
    { descriptor: 2, args: ["check", badConfig], code: ExitCode.CONFIG },
    { descriptor: 2, args: ["check", join(directory, "missing.yaml")], code: ExitCode.CONFIG },
  ]
) {
  const line = ["lvsdr", ...args].join(" ").replaceAll(`${directory}/`, "");
  Deno.test(`${line} ends with ${code} also when nobody reads its descriptor ${descriptor}`, async () => {
    const pipe = join(directory, `pipe-${crypto.randomUUID()}`);
    const words = ["sh", "-ec", WITHOUT_READER, String(descriptor), pipe, ...selfCommand(args)];
    assert.deepEqual(await execute(words), { code, stdout: "", stderr: "" });
  });
}

const isRoot = Deno.uid() === 0;
const executableReason = skipReason || (isRoot ? "" : "only root can become another user");
Deno.test({
  name: `The compiled lvsdr helps and checks without any privilege${
    executableReason && ` (skipped: ${executableReason})`
  }`,
  ignore: executableReason !== "",
  async fn() {
    const path = await executable();
    for (const words of [["--help"], ["version"], ["check", goodConfig]]) {
      const { code, stderr } = await execute([...NOBODY, path, ...words], { cwd: emptyDirectory });
      assert.deepEqual({ code, stderr }, { code: ExitCode.OK, stderr: "" });
    }
  },
});

Deno.test({
  name: `The compiled lvsdr says that it may not read a configuration${
    executableReason && ` (skipped: ${executableReason})`
  }`,
  ignore: executableReason !== "",
  async fn() {
    const path = await executable();
    const ours = join(directory, "ours.yaml");
    writeFileSync(ours, GOOD_CONFIG, { mode: 0o600 });
    const outcome = await execute([...NOBODY, path, "check", ours], { cwd: emptyDirectory });
    assert.deepEqual(outcome, {
      code: ExitCode.NO_PERMISSION,
      stdout: "",
      stderr:
        `lvsdr: Cannot read configuration "${ours}": permission denied\n  Run as a user who may read it, see: ls -l ${ours}\n`,
    });
  },
});

const labReason = skipReason || (isRoot ? "" : "the lab of this test needs root");
Deno.test({
  name: `The compiled lvsdr runs the whole lab from an empty directory and every proof holds${
    labReason && ` (skipped: ${labReason})`
  }`,
  ignore: labReason !== "",
  async fn() {
    const { code, stdout, stderr } = await execute([await executable(), "lab"], {
      cwd: emptyDirectory,
      clearEnv: true,
    });
    assert.equal(code, ExitCode.OK, `${stdout}\n${stderr}`);
    assert.match(stdout, /^Every proof holds/m);
  },
});
