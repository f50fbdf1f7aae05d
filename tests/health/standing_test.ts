import assert from "node:assert/strict";
import fc from "fast-check";
import { NEW_STANDING, nextStanding, type Standing } from "../../health/standing.ts";

const thresholds = fc.record({ rise: fc.integer({ min: 1, max: 5 }), fall: fc.integer({ min: 1, max: 5 }) });
const results = fc.array(fc.boolean(), { maxLength: 40 });

function standingAfter(results: readonly boolean[], limits: { rise: number; fall: number }): Standing {
  return results.reduce((standing, passed) => nextStanding(standing, passed, limits), NEW_STANDING);
}

Deno.test("nextStanding() gives a new server the state of its first result", () => {
  fc.assert(fc.property(thresholds, fc.boolean(), (limits, passed) => {
    assert.equal(standingAfter([passed], limits).state, passed ? "up" : "down");
  }));
});

Deno.test("nextStanding() changes the state exactly when enough results in a row contradict it", () => {
  fc.assert(fc.property(thresholds, results, fc.boolean(), (limits, earlier, passed) => {
    const before = standingAfter(earlier, limits);
    const after = nextStanding(before, passed, limits);
    if (after.state === before.state || before.isNew) return;
    const needed = passed ? limits.rise : limits.fall;
    const recent = [...earlier, passed].slice(-needed);
    assert.equal(recent.length, needed);
    assert.ok(recent.every((result) => result === passed));
  }));
});

Deno.test("nextStanding() is up after `rise` successes in a row and down after `fall` failures", () => {
  fc.assert(fc.property(thresholds, results, fc.boolean(), (limits, earlier, passed) => {
    const tail = new Array<boolean>(passed ? limits.rise : limits.fall).fill(passed);
    assert.equal(standingAfter([...earlier, ...tail], limits).state, passed ? "up" : "down");
  }));
});

Deno.test("nextStanding() starts counting again after a result that agrees", () => {
  const limits = { rise: 2, fall: 3 };
  assert.equal(standingAfter([true, false, false, true, false, false], limits).state, "up");
  assert.equal(standingAfter([true, false, false, false], limits).state, "down");
  assert.equal(standingAfter([false, true, false, true], limits).state, "down");
  assert.equal(standingAfter([false, true, true], limits).state, "up");
});
