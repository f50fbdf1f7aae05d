import assert from "node:assert/strict";
import { checkOfServer } from "../../director/server_check.ts";
import type { HealthCheck } from "../../model/config.ts";

function portChecked(checkPort: number, serverPort: number | null): number {
  const timing = { intervalMs: 2_000, timeoutMs: 1_000, rise: 2, fall: 3 };
  const check: HealthCheck = { type: "tcp", port: checkPort, ...timing };
  const checked = checkOfServer(check, { ports: [{ first: 80, last: 80 }] }, { port: serverPort });
  assert.deepEqual({ ...checked, port: 0 }, { ...check, port: 0 });
  return checked.port;
}

Deno.test("checkOfServer() asks on the server's own port in place of the service's", () => {
  assert.equal(portChecked(80, 8080), 8080);
  assert.equal(portChecked(80, null), 80);
});

Deno.test("checkOfServer() leaves a check of another port alone", () => {
  assert.equal(portChecked(9000, 8080), 9000);
});

Deno.test("checkOfServer() has a check through the VIP go where clients go", () => {
  const check: HealthCheck = {
    ...{ type: "dr", port: 80 },
    ...{ intervalMs: 2_000, timeoutMs: 1_000, rise: 2, fall: 3 },
  };
  assert.deepEqual(checkOfServer(check, { ports: [{ first: 80, last: 80 }] }, { port: 8080 }), check);
});
