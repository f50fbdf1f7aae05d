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
  record.drifted([requirement("a", false)], "somebody");
  record.drifted([requirement("b", false)], "unknown");
  record.mended(["a"]);
  const [newest, oldest] = record.status()!.drifts;
  assert.deepEqual([newest!.fact, newest!.mendedAt], ["b", null]);
  assert.deepEqual([oldest!.fact, oldest!.cause], ["a", "somebody"]);
  assert.match(oldest!.mendedAt!, /^\d{4}-\d\d-\d\dT.*Z$/);
  for (let index = 0; index < 60; index++) record.drifted([requirement(`c${index}`, false)], "unknown");
  const { drifts } = record.status()!;
  assert.deepEqual([drifts.length, drifts[0]!.fact], [50, "c59"]);
});

Deno.test("a drift of many facts is one, and mended when the last of them holds", () => {
  const record = new HostRecord("1.2.3");
  record.looked(look(requirement("a", true)));
  const [first, ...others] = ["a", "b", "c", "d", "e"].map((fact) => requirement(fact, false));
  record.drifted([first!, ...others], "somebody");
  record.mended(["a", "b", "c", "d"]);
  const open = record.status()!.drifts;
  assert.deepEqual(open.map(({ fact, mendedAt }) => [fact, mendedAt]), [["a, b, c and 2 more", null]]);
  record.mended(["e"]);
  const { mendedAt } = record.status()!.drifts[0]!;
  assert.notEqual(mendedAt, null);
});

Deno.test("a host whose looks do not come to an end is not said to be in order", () => {
  let nowMs = 0;
  const record = new HostRecord("1.2.3", () => nowMs);
  record.looked(look(requirement("a", true)));
  nowMs = 60_000;
  assert.equal(record.status()!.ok, true);
  nowMs = 61_500;
  const { ok, trouble, uptimeSeconds } = record.status()!;
  assert.deepEqual([ok, trouble], [false, "The host has not been looked at for 61 s"]);
  assert.equal(uptimeSeconds, 61);
  record.looked(look(requirement("a", true)));
  assert.deepEqual([record.status()!.ok, record.status()!.trouble], [true, null]);
});

Deno.test("a host whose clock is set back or forward tells the same uptime, and has been looked at as lately", () => {
  const RealDate = Date;
  const record = new HostRecord("1.2.3");
  record.looked(look(requirement("a", true)));
  try {
    for (const hours of [-48, 48]) {
      const now = () => RealDate.now() + hours * 3_600_000;
      globalThis.Date = class extends RealDate {
        static override now = now;

        constructor() {
          super(now());
        }
      } as DateConstructor;
      const { uptimeSeconds, trouble, ok, at } = record.status()!;
      assert.deepEqual([uptimeSeconds, trouble, ok], [0, null, true]);
      assert.equal(Math.round((RealDate.parse(at) - RealDate.now()) / 3_600_000), hours, "the clock was set");
    }
  } finally {
    globalThis.Date = RealDate;
  }
});
