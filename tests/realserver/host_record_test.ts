import assert from "node:assert/strict";
import { HostRecord } from "../../realserver/host_record.ts";
import type { Requirement } from "../../realserver/requirement.ts";
import { hostState, target } from "./host_states.ts";

function requirement(fact: string, holds: boolean): Requirement {
  return { fact, found: holds ? "1" : "0", wanted: "1 or 2", holds, why: "silence", steps: [], remedy: null };
}

function look(...requirements: Requirement[]) {
  return {
    choice: { method: "nft" as const, reason: "as asked for" },
    targets: [target()],
    state: hostState(),
    requirements,
  };
}

Deno.test("a host that was not looked at tells nothing", () => {
  assert.equal(new HostRecord("1.2.3").status(), null);
});

Deno.test("a host tells its facts as of the last look, and that it could not be looked at since", () => {
  const record = new HostRecord("1.2.3");
  record.looked(look(requirement("a", true), requirement("b", false)));
  const failing = record.status()!;
  assert.deepEqual([failing.version, failing.method, failing.ok], ["1.2.3", "nft", false]);
  assert.deepEqual(failing.targets, [{ vip: "192.0.2.10", device: "eth0", realServerAddress: "192.0.2.21" }]);
  assert.deepEqual(failing.facts.map(({ fact, found, wanted, ok }) => [fact, found, wanted, ok]), [
    ["a", "1", "1 or 2", true],
    ["b", "0", "1 or 2", false],
  ]);
  assert.equal(failing.load.averages.length, 3);
  record.looked(look(requirement("a", true), requirement("b", true)));
  assert.equal(record.status()!.ok, true);
  record.troubled("no luck");
  assert.deepEqual([record.status()!.ok, record.status()!.trouble], [false, "no luck"]);
  record.looked(look(requirement("a", true)));
  assert.deepEqual([record.status()!.ok, record.status()!.trouble], [true, null]);
});

Deno.test("drifts are told newest first, with the time they were mended, the last fifty of them", () => {
  const record = new HostRecord("1.2.3");
  record.looked(look(requirement("a", true)));
  record.drifted(requirement("a", false), "somebody");
  record.drifted(requirement("b", false), "unknown");
  record.mended("a");
  const [newest, oldest] = record.status()!.drifts;
  assert.deepEqual([newest!.fact, newest!.mendedAt], ["b", null]);
  assert.deepEqual([oldest!.fact, oldest!.cause], ["a", "somebody"]);
  assert.match(oldest!.mendedAt!, /^\d{4}-\d\d-\d\dT.*Z$/);
  for (let index = 0; index < 60; index++) record.drifted(requirement(`c${index}`, false), "unknown");
  const { drifts } = record.status()!;
  assert.deepEqual([drifts.length, drifts[0]!.fact], [50, "c59"]);
});
