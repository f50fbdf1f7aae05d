import assert from "node:assert/strict";
import { applyBeneath } from "../../host/change_host.ts";
import { Journal } from "../../host/journal.ts";
import type { Step } from "../../host/step.ts";

const ADD_VIP: Step = { kind: "addAddress", address: "192.0.2.10", device: "lo" };

/** A variable that exists nowhere, so that setting it changes nothing and fails. */
const IMPOSSIBLE: Step = { kind: "setSysctl", key: "net/ipv4/nosuch", value: "1", previous: "0" };

async function withJournal(use: (journal: Journal) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lvsdr-change-" });
  try {
    using journal = await Journal.open(`${folder}/test.journal`);
    await use(journal);
    while (journal.steps.length > 0) journal.strikeLast();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("applyBeneath() writes down the step and then, above it, what relies on it", async () => {
  await withJournal(async (journal) => {
    journal.record(ADD_VIP);
    // Loading nothing is a change that always works and leaves no trace.
    const nothing: Step = { kind: "nftTable", family: "arp", name: "lvsdr-test", ruleset: "" };
    await applyBeneath(journal, nothing, [ADD_VIP]);
    assert.deepEqual(journal.steps, [ADD_VIP, nothing, ADD_VIP]);
  });
});

Deno.test("applyBeneath() leaves the journal as it was when the host refuses the step", async () => {
  await withJournal(async (journal) => {
    journal.record(ADD_VIP);
    await assert.rejects(applyBeneath(journal, IMPOSSIBLE, [ADD_VIP]), /nosuch/);
    assert.deepEqual(journal.steps, [ADD_VIP]);
  });
});
