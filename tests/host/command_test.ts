import assert from "node:assert/strict";
import { isInstalled, requireCommand, runCommand, shellCommand } from "../../host/command.ts";
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
