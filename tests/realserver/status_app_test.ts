import assert from "node:assert/strict";
import type { HostStatus } from "../../model/host_status.ts";
import { createStatusApp } from "../../realserver/status_app.ts";

const TOKEN = "a-long-enough-secret";
const WITH_TOKEN = { Authorization: `Bearer ${TOKEN}` };
const PATH = "/api/v1/status";

const STATUS: HostStatus = {
  version: "1.2.3",
  at: "2026-03-01T12:00:00.000Z",
  uptimeSeconds: 7,
  method: "loopback",
  targets: [{ vip: "192.0.2.10", device: "eth0", realServerAddress: "192.0.2.21" }],
  ok: true,
  facts: [{ fact: "arp_ignore on eth0", found: "1", wanted: "1 or 2", ok: true, why: "silence" }],
  lookedAt: "2026-03-01T11:59:59.000Z",
  trouble: null,
  drifts: [],
  load: { averages: [0.1, 0.2, 0.3], cpus: 2 },
};

function appAt(
  { nowMs = () => 0, status = STATUS }: { nowMs?: () => number; status?: HostStatus | null } = {},
) {
  return createStatusApp({ token: TOKEN, status: () => status, nowMs });
}

Deno.test("GET /api/v1/status is the host's status, not to be cached and open to no other site", async () => {
  const response = await appAt().request(PATH, { headers: { ...WITH_TOKEN, Origin: "http://evil.example" } });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("Cache-Control"), "no-store");
  assert.equal(response.headers.get("Access-Control-Allow-Origin"), null);
  assert.deepEqual(await response.json(), STATUS);
});

Deno.test("nothing is told without the token, not even what there is", async () => {
  const app = appAt();
  for (
    const authorization of [null, "Bearer", "Bearer wrong", `Bearer ${TOKEN}x`, `Basic ${btoa(`a:${TOKEN}`)}`]
  ) {
    for (const path of [PATH, "/", "/nothing"]) {
      const headers: Record<string, string> = authorization === null ? {} : { Authorization: authorization };
      const response = await app.request(path, { headers });
      assert.equal(response.status, 401, `${path} with ${authorization}`);
      assert.match(response.headers.get("WWW-Authenticate")!, /^Bearer /);
      assert.doesNotMatch(await response.text(), /192\.0\.2|Not found/);
    }
  }
});

Deno.test("another path is 404, another method 405 with those that are possible", async () => {
  const app = appAt();
  for (const path of ["/", "/api/v1", "/api/v1/status/", "/metrics"]) {
    assert.equal((await app.request(path, { headers: WITH_TOKEN })).status, 404, path);
  }
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
    const response = await app.request(PATH, { method, headers: WITH_TOKEN });
    assert.equal(response.status, 405, method);
    assert.equal(response.headers.get("Allow"), "GET, HEAD");
  }
});

Deno.test("before the first look the answer is 503", async () => {
  const response = await appAt({ status: null }).request(PATH, { headers: WITH_TOKEN });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("Retry-After"), "1");
});

Deno.test("twenty answers at once and ten a second, whatever those without the token do", async () => {
  let nowMs = 0;
  const app = appAt({ nowMs: () => nowMs });
  const count = async (headers: Record<string, string>, status: number) => {
    const responses = await Promise.all(Array.from({ length: 50 }, () => app.request(PATH, { headers })));
    return responses.filter((response) => response.status === status).length;
  };
  assert.equal(await count({}, 401), 20);
  assert.equal(await count({}, 429), 50);
  assert.equal(await count(WITH_TOKEN, 200), 20);
  nowMs += 1_000;
  assert.equal(await count(WITH_TOKEN, 200), 10);
  assert.equal(await count({}, 401), 10);
});
