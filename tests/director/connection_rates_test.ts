import assert from "node:assert/strict";
import { ConnectionRates } from "../../director/connection_rates.ts";

Deno.test("ConnectionRates.rateOf() is the growth per second between the last two samples", () => {
  const rates = new ConnectionRates();
  rates.sample(new Map([["web/a", 100], ["web/b", 7]]), 1_000);
  assert.equal(rates.rateOf("web/a"), 0, "one sample says nothing");
  rates.sample(new Map([["web/a", 130], ["web/b", 7]]), 3_000);
  assert.deepEqual([rates.rateOf("web/a"), rates.rateOf("web/b")], [15, 0]);
  rates.sample(new Map([["web/a", 130], ["web/b", 8]]), 3_500);
  assert.deepEqual([rates.rateOf("web/a"), rates.rateOf("web/b")], [0, 2]);
});

Deno.test("ConnectionRates.rateOf() is 0 for a server that is new, gone or counted anew", () => {
  const rates = new ConnectionRates();
  rates.sample(new Map([["gone", 5], ["anew", 50]]), 0);
  rates.sample(new Map([["new", 1_000], ["anew", 3]]), 1_000);
  for (const key of ["new", "gone", "anew", "never"]) assert.equal(rates.rateOf(key), 0, key);
});

Deno.test("ConnectionRates.rateOf() is 0 when no time has passed", () => {
  const rates = new ConnectionRates();
  rates.sample(new Map([["a", 1]]), 5);
  rates.sample(new Map([["a", 9]]), 5);
  assert.equal(rates.rateOf("a"), 0);
});
