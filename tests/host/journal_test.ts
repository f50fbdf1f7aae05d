import assert from "node:assert/strict";
import { Journal, journalExists } from "../../host/journal.ts";
import type { Step } from "../../host/step.ts";
import { HostError } from "../../model/operator_error.ts";

const STEPS: readonly Step[] = [1, 2, 3].map((number) => ({
  kind: "addAddress",
  address: `192.0.2.${number}`,
  device: "lo",
}));
const [FIRST, SECOND, THIRD] = STEPS as [Step, Step, Step];

async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-journal-" });
  try {
    await test(`${folder}/run/test.journal`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A copy of what is on the disk, as a crash at this moment would leave it. */
function crashCopy(path: string): string {
  const copy = `${path}.crash`;
  Deno.copyFileSync(path, copy);
  return copy;
}

Deno.test("Journal.record() has the step on the disk when it returns", () =>
  withPath(async (path) => {
    using journal = await Journal.open(path);
    journal.record(FIRST);
    journal.record(SECOND);
    using survivor = await Journal.open(crashCopy(path));
    assert.deepEqual(survivor.unkeptSteps, [FIRST, SECOND]);
    for (const _ of STEPS) {
      journal.strikeLast();
      survivor.strikeLast();
    }
  }));

Deno.test("Journal.open() forgets a line whose writing was cut short, wherever it was cut", () =>
  withPath(async (path) => {
    using journal = await Journal.open(path);
    journal.record(FIRST);
    const wholeBytes = (await Deno.stat(path)).size;
    journal.record(SECOND);
    const bytes = await Deno.readFile(path);
    const copy = `${path}.crash`;
    for (let length = wholeBytes; length < bytes.length; length += 7) {
      await Deno.writeFile(copy, bytes.subarray(0, length));
      using survivor = await Journal.open(copy);
      assert.deepEqual(survivor.steps, [FIRST], `cut at byte ${length}`);
      survivor.record(THIRD);
      using again = await Journal.open(crashCopy(copy));
      assert.deepEqual(again.steps, [FIRST, THIRD], `cut at byte ${length}`);
    }
  }));

Deno.test("Journal.open() refuses a journal whose owner lives and names its pid", () =>
  withPath(async (path) => {
    using journal = await Journal.open(path);
    journal.record(FIRST);
    await assert.rejects(Journal.open(path), (error) => {
      assert(error instanceof HostError);
      assert.equal(error.exitCode, 69);
      assert(error.message.includes(`process ${Deno.pid}`), error.message);
      return true;
    });
  }));

Deno.test("Journal.close() removes a journal without steps and leaves one with steps", () =>
  withPath(async (path) => {
    const journal = await Journal.open(path);
    journal.record(FIRST);
    journal.close();
    assert.equal(journalExists(path), true);
    const second = await Journal.open(path);
    second.strikeLast();
    second.close();
    assert.equal(journalExists(path), false);
  }));

Deno.test("Journal.keep() separates what stays from what the next owner does", () =>
  withPath(async (path) => {
    const first = await Journal.open(path);
    first.record(FIRST);
    first.keep();
    first.close();
    const kept = await Deno.readTextFile(path);

    const second = await Journal.open(path);
    assert.deepEqual(second.unkeptSteps, []);
    second.record(SECOND);
    assert.deepEqual(second.unkeptSteps, [SECOND]);
    assert.deepEqual(second.steps, [FIRST, SECOND]);
    second.strikeLast();
    second.close();
    assert.equal(await Deno.readTextFile(path), kept, "an owner that undid its own steps leaves no trace");
  }));

Deno.test("Journal.strikeLast() of a kept step still names the process that strikes", () =>
  withPath(async (path) => {
    const first = await Journal.open(path);
    first.record(FIRST);
    first.record(SECOND);
    first.keep();
    first.close();
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replaceAll(`"pid":${Deno.pid}`, `"pid":1`));

    using second = await Journal.open(path);
    second.strikeLast();
    await assert.rejects(Journal.open(path), new RegExp(`process ${Deno.pid}`));
    assert.deepEqual(second.unkeptSteps, [FIRST]);
  }));

Deno.test("Journal.open() takes a journal of another boot as void", () =>
  withPath(async (path) => {
    const first = await Journal.open(path);
    first.record(FIRST);
    first.close();
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace(/"bootId":"[^"]+"/, `"bootId":"another"`));
    using second = await Journal.open(path);
    assert.deepEqual(second.steps, []);
  }));

Deno.test("Journal.open() refuses a journal of another network namespace", () =>
  withPath(async (path) => {
    const first = await Journal.open(path);
    first.record(FIRST);
    first.close();
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace(/"networkNamespace":\d+/, `"networkNamespace":1`));
    await assert.rejects(Journal.open(path), /another network namespace/);
  }));

Deno.test("Journal.open() refuses a damaged journal instead of forgetting steps", () =>
  withPath(async (path) => {
    const first = await Journal.open(path);
    first.record(FIRST);
    first.record(SECOND);
    first.close();
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace(JSON.stringify({ kind: "step", step: FIRST }), "garbage"));
    await assert.rejects(Journal.open(path), /is damaged: it holds garbage/);
    await Deno.writeTextFile(path, text.replace(`"addAddress"`, `"flyToTheMoon"`));
    await assert.rejects(Journal.open(path), /a step this version does not know/);
  }));
