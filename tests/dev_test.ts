/**
 * `./dev` as somebody meets it who has just cloned: asked what there is, it answers, and gets nothing.
 *
 * @module
 */

import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { runCommand } from "../host/command.ts";

/** Runs `./dev` in a folder that has nothing else but deno.json; returns what the folder holds afterwards as well. */
async function dev(...args: string[]) {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-dev-" });
  try {
    for (const name of ["dev", "deno.json"]) {
      await Deno.copyFile(new URL(`../${name}`, import.meta.url), `${folder}/${name}`);
    }
    const result = await runCommand(`${folder}/dev`, args);
    const files = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).toSorted();
    return { ...result, files };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const TASKS = Object.entries(manifest.tasks).map(([name, { description }]) => `  ${name}\t${description}`);

for (const args of [[], ["help"], ["-h"], ["--help"]]) {
  Deno.test(`./dev ${args.join(" ")} lists every task and installs nothing`, async () => {
    const { code, stdout, stderr, files } = await dev(...args);
    assert.deepEqual({ code, stderr, files }, { code: 0, stderr: "", files: ["deno.json", "dev"] });
    const [heading, ...tasks] = stdout.replace(/\n$/, "").split("\n");
    assert.match(heading!, /^Tasks, as in "\.\/dev demo"/);
    assert.deepEqual(tasks, TASKS);
  });
}

// Other keys of deno.json are no tasks, and a name is no pattern.
for (const name of ["dmeo", "default", "rules", "d.mo", "."]) {
  Deno.test(`./dev ${name} lists the tasks and fails for want of such a task, and installs nothing`, async () => {
    const { code, stdout, stderr, files } = await dev(name);
    assert.deepEqual({ code, stdout, files }, { code: 64, stdout: "", files: ["deno.json", "dev"] });
    assert.ok(stderr.startsWith(`dev: there is no task ${name}\n`), stderr);
    for (const task of TASKS) assert.ok(stderr.includes(task), task);
  });
}
