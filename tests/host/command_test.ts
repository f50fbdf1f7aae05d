import assert from "node:assert/strict";
import { isInstalled, requireCommand, runCommand, runProgram, shellCommand } from "../../host/command.ts";
import { HostError } from "../../model/operator_error.ts";

Deno.test("runCommand() gives standard input and returns output and exit code", async () => {
  const result = await runCommand("sh", ["-c", "cat; echo oops >&2; exit 3"], "hello");
  assert.deepEqual(result, { code: 3, stdout: "hello", stderr: "oops\n" });
});

Deno.test("runCommand() finds system programs when PATH lacks their folder", async () => {
  const path = Deno.env.get("PATH");
  Deno.env.set("PATH", "/nonexistent");
  try {
    assert.equal((await runCommand("ip", ["-Version"])).code, 0);
    assert.equal(isInstalled("ip"), true);
  } finally {
    if (path !== undefined) Deno.env.set("PATH", path);
  }
});

Deno.test("runCommand() names the package of a program that is missing", async () => {
  await assert.rejects(runCommand("arp-no-such-program", []), (error) => {
    assert(error instanceof HostError);
    assert.equal(error.exitCode, 69);
    assert.match(error.message, /"arp-no-such-program" is not installed/);
    assert.match(error.remedy ?? "", /apt-get install/);
    return true;
  });
});

Deno.test("runCommand() gives a program more than a pipe holds, and takes as much from it meanwhile", async () => {
  const text = "route get 192.0.2.10\n".repeat(50_000);
  assert.deepEqual(await runCommand("cat", [], text), { code: 0, stdout: text, stderr: "" });
});

Deno.test("runCommand() gives the exit code of a program that does not read its input", async () => {
  const text = "x".repeat(1_000_000);
  assert.equal((await runCommand("sh", ["-c", "exec <&-; exit 4"], text)).code, 4);
});

Deno.test("runCommand() says why a program that is there cannot be started", async () => {
  const file = await Deno.makeTempFile();
  try {
    // Neither may be executed, nor does the kernel take arguments of this length (execve(2), E2BIG).
    for (const [program, args] of [[file, []], ["true", ["x".repeat(1 << 20)]]] as const) {
      await assert.rejects(runCommand(program, args), (error) => {
        assert(error instanceof HostError, String(error));
        assert.equal(error.exitCode, 1, "it is not missing");
        assert.match(error.message, /^Program ".*" cannot be started: .*(Permission denied|too long)/);
        assert.match(error.remedy ?? "", /ulimit -a/);
        return true;
      });
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("runProgram() kills a program that does not end in time", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const run = runProgram("sh", ["-c", `echo $$ >'${folder}/pid'; exec sleep 1000`], { limitMs: 3_000 });
    await assert.rejects(run, (error) => {
      assert(error instanceof HostError, String(error));
      assert.equal(error.exitCode, 1);
      assert.match(error.message, /^Command "sh -c .* did not end within 3 s and was killed$/);
      return true;
    });
    const pid = (await Deno.readTextFile(`${folder}/pid`)).trim();
    const { stdout } = await runCommand("sh", [
      "-c",
      `while grep -s State: /proc/${pid}/status | grep -v zombie; do sleep 0.05; done; echo gone`,
    ]);
    assert.match(stdout, /gone\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("requireCommand() shows the command and its complaint when it fails", async () => {
  await assert.rejects(requireCommand("sh", ["-c", "echo bad news >&2; exit 2"]), (error) => {
    assert(error instanceof HostError);
    assert.equal(error.exitCode, 1);
    assert.match(error.message, /^Command "sh -c 'echo bad news >&2; exit 2'" failed: bad news$/);
    return true;
  });
});

Deno.test("requireCommand() exits 77 when the system forbids the command", async () => {
  const forbidden = requireCommand("sh", [
    "-c",
    "echo 'RTNETLINK answers: Operation not permitted' >&2; exit 2",
  ]);
  await assert.rejects(forbidden, { exitCode: 77 });
});

Deno.test("shellCommand() quotes what a shell would take apart", async () => {
  const words = ["printf", "%s|", "plain", "two words", "it's", "$HOME", "", "a;b", "*"];
  const { stdout } = await runCommand("sh", ["-c", shellCommand(words)]);
  assert.equal(stdout, "plain|two words|it's|$HOME||a;b|*|");
});

Deno.test("runCommand() keeps no memory of programs that have ended: a role runs some for as long as it holds", async () => {
  // In a process of its own: this one collects its garbage at other times.
  const script = `
    import { runCommand } from "${import.meta.resolve("../../host/command.ts")}";
    const run = async (times) => {
      for (let index = 0; index < times; index++) await runCommand("true", []);
      return Deno.memoryUsage().rss;
    };
    const before = await run(100);
    console.log(await run(400) - before);`;
  const { stdout, stderr } = await runProgram(Deno.execPath(), ["eval", "--ext=ts", "--quiet", script]);
  assert.match(stdout, /^-?\d+\n$/, stderr);
  const bytesEach = Number(stdout) / 400;
  assert(bytesEach < 40_000, `${bytesEach} bytes for each program`);
});
