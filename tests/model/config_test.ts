import assert from "node:assert/strict";
import { serverAddresses, vipsOf } from "../../model/config.ts";

const SERVICES = [
  { vip: "192.0.2.11", servers: [{ address: "192.0.2.22" }, { address: "192.0.2.21" }] },
  { vip: "192.0.2.10", servers: [{ address: "192.0.2.21" }] },
  { vip: "192.0.2.11", servers: [{ address: "192.0.2.23" }] },
];

Deno.test("vipsOf() and serverAddresses() have each address once, in the order of the services", () => {
  assert.deepEqual(vipsOf({ services: SERVICES }), ["192.0.2.11", "192.0.2.10"]);
  assert.deepEqual(serverAddresses({ services: SERVICES }), ["192.0.2.22", "192.0.2.21", "192.0.2.23"]);
});
