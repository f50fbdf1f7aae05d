import assert from "node:assert/strict";
import { Journal } from "../../host/journal.ts";
import type { OwnerScope } from "../../host/journal_lines.ts";
import { readJournal } from "../../host/read_journal.ts";
import type { Step } from "../../host/step.ts";
import { HostError } from "../../model/operator_error.ts";

const STEP: Step = { kind: "addAddress", address: "192.0.2.10", device: "lo" };
const SCOPE: OwnerScope = {
  interface: "eth0",
  vips: [{
    vip: "192.0.2.10",
    realServerAddress: "192.0.2.21",
    bindings: [{ protocol: "tcp", ports: [{ first: 80, last: 80 }], localPort: 8080 }],
  }],
};

async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-journal-" });
  try {
    await test(`${folder}/run/test.journal`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A journal with one step whose owner has ended, its text changed by `change`. */
async function abandoned(path: string, change = (text: string): string => text): Promise<void> {
  const journal = await Journal.open(path, SCOPE);
  journal.record(STEP);
  journal.close();
  await Deno.writeTextFile(path, change(await Deno.readTextFile(path)));
}

Deno.test("readJournal() tells the living owner and what it holds, and takes the journal from nobody", () =>
  withPath(async (path) => {
    assert.equal(await readJournal(path), null);
    using journal = await Journal.open(path, SCOPE);
    journal.record(STEP);
    const run = { steps: [STEP], scope: SCOPE };
    const held = { path, steps: [STEP], isKept: false, owner: Deno.pid, runs: [run] };
    assert.deepEqual(await readJournal(path), held);
    journal.strikeLast();
    assert.deepEqual(await readJournal(path), { ...held, steps: [], runs: [{ ...run, steps: [] }] });
  }));

Deno.test("readJournal() tells what was held when its owner has ended, or somebody came to undo it", () =>
  withPath(async (path) => {
    await abandoned(path);
    const run = { steps: [STEP], scope: SCOPE };
    const left = { path, steps: [STEP], isKept: false, owner: null, runs: [run] };
    assert.deepEqual(await readJournal(path), left);
    using undoing = await Journal.open(path);
    const undoer = { steps: [], scope: null };
    assert.deepEqual(await readJournal(path), { ...left, owner: Deno.pid, runs: [run, undoer] });
    undoing.strikeLast();
    assert.deepEqual((await readJournal(path))?.runs, [undoer]);
  }));

Deno.test("readJournal() tells which owner has left which steps, and leaves out those that have none left", () =>
  withPath(async (path) => {
    const other: Step = { kind: "addAddress", address: "192.0.2.11", device: "lo" };
    const otherScope = { ...SCOPE, vips: [{ vip: "192.0.2.11", realServerAddress: null, bindings: [] }] };
    for (const [step, scope] of [[STEP, SCOPE], [null, null], [other, otherScope]] as const) {
      using journal = await Journal.open(path, scope ?? undefined);
      if (step !== null) journal.record(step);
      journal.keep();
    }
    const reading = await readJournal(path);
    assert.deepEqual([reading?.isKept, reading?.owner, reading?.steps], [true, null, [STEP, other]]);
    assert.deepEqual(reading?.runs, [{ steps: [STEP], scope: SCOPE }, { steps: [other], scope: otherScope }]);
  }));

Deno.test("readJournal() takes no process for the owner that has locked another file", () =>
  withPath(async (path) => {
    using journal = await Journal.open(path);
    journal.record(STEP);
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace(`"pid":${Deno.pid}`, `"pid":1`));
    assert.equal((await readJournal(path))?.owner, null);
  }));

Deno.test("a journal of another boot says nothing, however damaged it is", () =>
  withPath(async (path) => {
    await abandoned(path, (text) => text.replace(/"bootId":"[^"]+"/, `"bootId":"another"`) + "\0\0\n");
    assert.equal(await readJournal(path), null);
    using next = await Journal.open(path);
    assert.deepEqual(next.steps, []);
  }));

Deno.test("readJournal() leaves the journal of another network namespace out", () =>
  withPath(async (path) => {
    await abandoned(path, (text) => text.replace(/"networkNamespace":\d+/, `"networkNamespace":1`));
    assert.equal(await readJournal(path), null);
  }));

Deno.test("readJournal() of a damaged or unreadable journal is an error an operator can act on", () =>
  withPath(async (path) => {
    await abandoned(path, (text) => `${text}garbage\n`);
    await assert.rejects(
      readJournal(path),
      (error) => error instanceof HostError && /is damaged/.test(error.message),
    );
    await Deno.remove(path);
    await Deno.mkdir(path);
    await assert.rejects(
      readJournal(path),
      (error) => error instanceof HostError && /Cannot read the undo journal/.test(error.message),
    );
  }));
