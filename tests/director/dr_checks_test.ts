import assert from "node:assert/strict";
import { assertCheckable } from "../../director/dr_checks.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { findVantages } from "../../sentinel/vantage.ts";
import { config, link, LOOPBACK } from "./configs.ts";

function check(prefixLength: number, settings = "") {
  const cluster = config(`
${settings}
services:
  - { vip: 192.0.2.3, port: 80, health: { type: dr, port: 80 }, servers: [{ address: 192.0.2.1 }] }
`);
  const vantages = findVantages(
    [LOOPBACK, link("eth0", [`192.0.2.2/${prefixLength}`])],
    cluster.services.flatMap(({ servers }) => servers),
    new Set(["192.0.2.3"]),
    { only: null, director: "eth0", asker: "director" },
  );
  assertCheckable(cluster, vantages);
}

Deno.test("assertCheckable() refuses a subnet that has no address left to check from, and says what helps", () => {
  assert.throws(() => check(30), (error) => {
    assert(error instanceof OperatorError);
    assert.equal(
      error.message,
      "Cannot check through the VIP: every address of the subnet of 192.0.2.2/30 is somebody's",
    );
    assert.match(error.remedy!, /director\.probe_address .*; or check 192\.0\.2\.1 in another way/);
    return true;
  });
  check(29);
  check(29, "director: { probe_address: 192.0.2.6 }");
});
