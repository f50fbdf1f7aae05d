import assert from "node:assert/strict";
import { runCommand } from "../../host/command.ts";
import { exists, own, ownerOf } from "../../lab/owner.ts";

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("ownerOf() tells a process that runs from one that has ended, and from one that has its id now", () =>
  inDirectory(async (directory) => {
    const file = `${directory}/owner`;
    assert.equal(await ownerOf(directory), "unknown");
    await own(directory);
    assert.equal(await ownerOf(directory), "alive");
    const [pid, startedAt] = (await Deno.readTextFile(file)).trim().split(" ");
    await Deno.writeTextFile(file, `${pid} ${Number(startedAt) - 1}\n`);
    assert.equal(await ownerOf(directory), "dead");
    const ended = (await runCommand("sh", ["-c", "echo $$"])).stdout.trim();
    await Deno.writeTextFile(file, `${ended} ${startedAt}\n`);
    assert.equal(await ownerOf(directory), "dead");
  }));

Deno.test("ownerOf() believes no file that is only half written", () =>
  inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/owner`, `${Deno.pid} 1`);
    assert.equal(await ownerOf(directory), "unknown");
  }));

Deno.test("exists() is true of this process and false of one that has ended", async () => {
  assert.ok(await exists(Deno.pid));
  assert.ok(!await exists(Number((await runCommand("sh", ["-c", "echo $$"])).stdout)));
});

Deno.test("exists() is false of a process that has ended and that nobody has waited for", async () => {
  // cat(1) takes the place of the shell, whose child it does not know.
  const args = ["-c", "sleep 0.1 & echo $!; exec cat"];
  await using parent = new Deno.Command("sh", { args, stdin: "piped", stdout: "piped" }).spawn();
  const reader = parent.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const pid = Number((await reader.read()).value);
  while (await exists(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal((await runCommand("cat", [`/proc/${pid}/stat`])).code, 0);
  await parent.stdin.close();
  await reader.cancel();
});
