import assert from "node:assert/strict";
import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { createApp } from "../../status/app.tsx";
import { eventsSince, MAX_CLIENTS } from "../../status/event_stream.ts";
import type { AuditReport, StatusSnapshot } from "../../model/status_snapshot.ts";
import { CLAIMED, EMPTY, HOSTILE, ONE, server, service, TROUBLED } from "./snapshots.ts";

const TOKEN = "a-long-enough-secret";
const BROWSER = { Accept: "text/html,application/xhtml+xml" };

function appOf(snapshot: StatusSnapshot, token: string | null = null) {
  return createApp({ snapshot: () => snapshot, token, isReady: () => true });
}

async function pageOf(snapshot: StatusSnapshot): Promise<string> {
  const response = await appOf(snapshot).request("/");
  assert.equal(response.status, 200);
  assert.match(response.headers.get("Content-Type")!, /^text\/html; charset=utf-8$/i);
  return await response.text();
}

Deno.test("GET / says that all is well and shows every server", async () => {
  const page = await pageOf(ONE);
  assert.match(page, /<!doctype html>/);
  assert.match(page, /<title>All services are well · lvsdr<\/title>/);
  for (const text of ["192.0.2.21", "192.0.2.22", "192.0.2.23", "TCP 192.0.2.10", "02:00:00:00:00:15"]) {
    assert.ok(page.includes(text), text);
  }
  assert.match(page, /<noscript><meta http-equiv="refresh" content="5"\/?><\/noscript>/);
});

Deno.test("GET / names every trouble in words", async () => {
  const page = await pageOf(TROUBLED);
  assert.match(page, /<h1>Service dns has no usable server<\/h1>/);
  for (const word of ["down", "overloaded", "quiesced", "unresolved", "no MAC yet", "1 of 4"]) {
    assert.ok(page.includes(word), word);
  }
});

Deno.test("GET / has a text for everything that can be empty", async () => {
  const page = await pageOf(EMPTY);
  for (
    const text of ["No services are configured", "No frame has been seen yet", "Nothing has happened yet"]
  ) {
    assert.ok(page.includes(text), text);
  }
  assert.match(await pageOf({ ...ONE, services: [{ ...ONE.services[0]!, servers: [] }] }), /no real servers/);
});

Deno.test("GET / lists the virtual IPs, and cuts the list short", async () => {
  const owning = (vips: number): StatusSnapshot => ({
    ...ONE,
    services: Array.from(
      { length: vips },
      (_, index) => ({ ...ONE.services[0]!, vip: `192.0.2.${index + 10}` }),
    ),
  });
  assert.match(await pageOf(owning(1)), />192\.0\.2\.10 on eth0 ·/);
  assert.match(await pageOf(owning(5)), />192\.0\.2\.10, 192\.0\.2\.11, 192\.0\.2\.12 and 2 more on eth0 ·/);
});

Deno.test("GET / pictures at most eight real servers, and counts the rest", async () => {
  const servers = Array.from({ length: 11 }, (_, index) => server(`192.0.2.${index + 21}`));
  const page = await pageOf({ ...ONE, services: [service("web", servers)] });
  assert.equal(page.match(/class="node server ok"/g)!.length, 2 * 8);
  assert.match(page, /and 3 more real servers below/);
});

Deno.test("GET / shows an alarm with the command that helps and the host to type it on", async () => {
  const page = await pageOf(CLAIMED);
  const strip = page.match(/<section class="alarms".*?<\/section>/s)![0];
  assert.match(strip, /<p>192\.0\.2\.21 answers ARP for 192\.0\.2\.10<\/p>/);
  assert.match(strip, /On 192\.0\.2\.21: <code>lvsdr realserver --vip 192\.0\.2\.10<\/code>/);
  assert.match(strip, /vip_answered_by_other<\/code> · first seen 1 min ago, last 2 s ago · 7 packets/);
  assert.doesNotMatch(await pageOf(ONE), /class="alarms"/);
});

Deno.test("GET / escapes foreign text everywhere", async () => {
  const page = await pageOf(HOSTILE);
  assert.ok(page.includes("&lt;script&gt;alert(1)"));
  assert.ok(!page.includes("<script>alert"));
  assert.ok(!page.includes("<img src=x"));
});

Deno.test("GET /api/v1/status is the snapshot", async () => {
  const response = await appOf(TROUBLED).request("/api/v1/status");
  assert.match(response.headers.get("Content-Type")!, /^application\/json/);
  assert.deepEqual(await response.json(), TROUBLED);
});

Deno.test("page.css and page.js are served with their types", async () => {
  const app = appOf(ONE);
  const style = await app.request("/page.css");
  assert.equal(style.headers.get("Content-Type"), "text/css; charset=utf-8");
  assert.match(await style.text(), /prefers-color-scheme: dark/);
  const script = await app.request("/page.js");
  assert.equal(script.headers.get("Content-Type"), "text/javascript; charset=utf-8");
  assert.match(await script.text(), /EventSource/);
});

Deno.test("every answer forbids caching, foreign content and framing", async () => {
  const app = appOf(ONE, TOKEN);
  for (const path of ["/", "/metrics", "/healthz", "/api/v1/status", "/nothing"]) {
    for (const headers of [{}, { Authorization: `Bearer ${TOKEN}` }]) {
      const response = await app.request(path, { headers });
      await response.body?.cancel();
      assert.equal(response.headers.get("Cache-Control"), "no-store", path);
      const policy = response.headers.get("Content-Security-Policy")!;
      assert.match(policy, /default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'/);
      assert.ok(!policy.includes("unsafe"), policy);
      assert.equal(response.headers.get("X-Content-Type-Options"), "nosniff");
    }
  }
});

Deno.test("HEAD answers as GET does, without a body", async () => {
  for (const path of ["/", "/metrics", "/healthz", "/api/v1/status", "/events", "/page.js"]) {
    const response = await appOf(ONE).request(path, { method: "HEAD" });
    assert.equal(response.status, 200, path);
    assert.equal(response.body, null, path);
  }
});

Deno.test("an unknown route is 404 in the format its reader expects", async () => {
  const app = appOf(ONE);
  const json = await app.request("/api/v2/status");
  assert.equal(json.status, 404);
  assert.equal((await json.json()).error, "Not found");
  const page = await app.request("/nothing", { headers: BROWSER });
  assert.equal(page.status, 404);
  assert.match(await page.text(), /<h1>Not found<\/h1>/);
  const text = await app.request("/nothing");
  assert.equal(text.status, 404);
  assert.match(await text.text(), /^Not found: /);
  assert.equal((await app.request("/", { method: "POST" })).status, 404);
});

Deno.test("/healthz follows isReady() and needs no token", async () => {
  for (const [isReady, status] of [[true, 200], [false, 503]] as const) {
    const app = createApp({ snapshot: () => ONE, token: TOKEN, isReady: () => isReady });
    const response = await app.request("/healthz");
    assert.equal(response.status, status);
    await response.body?.cancel();
  }
});

Deno.test("with a token, nothing but /healthz is shown without it", async () => {
  const app = appOf(ONE, TOKEN);
  for (const path of ["/", "/metrics", "/events", "/api/v1/status", "/page.js", "/page.css", "/nothing"]) {
    for (
      const authorization of [
        null,
        "Bearer wrong",
        `Bearer ${TOKEN}x`,
        "Bearer",
        `Basic ${btoa("a:wrong")}`,
        "Basic !",
      ]
    ) {
      const headers: Record<string, string> = authorization === null ? {} : { Authorization: authorization };
      const response = await app.request(path, { headers });
      assert.equal(response.status, 401, `${path} with ${authorization}`);
      assert.match(response.headers.get("WWW-Authenticate")!, /Basic realm="lvsdr status".*Bearer realm=/);
      assert.ok(!(await response.text()).includes("192.0.2."));
    }
  }
});

Deno.test("the token is taken as bearer, as Basic password and not asked for on the Unix socket", async () => {
  const app = appOf(ONE, TOKEN);
  const get = (headers: Record<string, string>, env?: { isLocalSocket: boolean }) =>
    app.request("/api/v1/status", { headers }, env);
  assert.equal((await get({ Authorization: `Bearer ${TOKEN}` })).status, 200);
  assert.equal((await get({ Authorization: `bearer ${TOKEN}` })).status, 200);
  assert.equal((await get({ Authorization: `Basic ${btoa(`anyone:${TOKEN}`)}` })).status, 200);
  assert.equal((await get({}, { isLocalSocket: true })).status, 200);
  assert.equal((await get({}, { isLocalSocket: false })).status, 401);
});

Deno.test("a browser without the token is told where to put it", async () => {
  const response = await appOf(ONE, TOKEN).request("/", { headers: BROWSER });
  assert.match(await response.text(), /as the password with any user name/);
});

Deno.test("/events ticks at once and passes on events that happen while it is read", async () => {
  let snapshot = ONE;
  const app = createApp({ snapshot: () => snapshot, token: null, isReady: () => true });
  const response = await app.request("/events");
  assert.equal(response.headers.get("Content-Type"), "text/event-stream");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const readUntil = async (wanted: string): Promise<void> => {
    while (!text.includes(wanted)) {
      const { value, done } = await reader.read();
      assert.ok(!done, `the stream ended before "${wanted}"`);
      text += value;
    }
  };
  await readUntil(`event: tick\ndata: ${ONE.at}\n\n`);
  assert.ok(!text.includes("event: event"));
  snapshot = TROUBLED;
  await readUntil(`data: ${JSON.stringify(TROUBLED.events[0])}\n\n`);
  assert.ok(text.indexOf('"realserver.down"') < text.indexOf('"service.unavailable"'), "oldest first");
  assert.ok(!text.includes('"config.loaded"'), "known before");
  await reader.cancel();
});

Deno.test("/events serves a limited number of listeners, and a place is free again when one leaves", async () => {
  const app = appOf(ONE);
  const open = await Promise.all(Array.from({ length: MAX_CLIENTS }, () => app.request("/events")));
  const refused = await app.request("/events");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("Retry-After"), "5");
  for (const response of open) {
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
  }
  const again = await app.request("/events");
  assert.equal(again.status, 200);
  const reader = again.body!.getReader();
  await reader.read();
  await reader.cancel();
});

Deno.test("eventsSince() returns what is new, oldest first", () => {
  const [newest, older] = TROUBLED.events;
  assert.deepEqual(eventsSince(TROUBLED.events, older!), [newest]);
  assert.deepEqual(eventsSince(TROUBLED.events, newest!), []);
  assert.deepEqual(eventsSince(TROUBLED.events, null), TROUBLED.events.toReversed());
});

Deno.test("POST /api/v1/audit audits for whoever is on the Unix socket, and for nobody else", async () => {
  const report: AuditReport = {
    audits: [{ server: "192.0.2.21", vip: "192.0.2.10", verdict: "hardened", mac: null }],
    obstacles: ['Interface "eth1" is down (ip link set eth1 up)'],
  };
  let asked = 0;
  const app = createApp({
    snapshot: () => ONE,
    token: null,
    isReady: () => true,
    audit: () => {
      asked += 1;
      if (asked === 1) return Promise.resolve(report);
      throw new OperatorError("The interface is gone", ExitCode.UNAVAILABLE, { remedy: "See `ip link`" });
    },
  });
  const post = (isLocalSocket: boolean) =>
    app.request("/api/v1/audit", { method: "POST" }, { isLocalSocket });
  assert.equal((await post(false)).status, 403);
  assert.equal((await app.request("/api/v1/audit")).status, 404, "to be asked for with POST");
  assert.equal(asked, 0);
  const response = await post(true);
  assert.deepEqual([response.status, await response.json()], [200, report]);
  const failure = await post(true);
  assert.deepEqual([failure.status, await failure.json()], [503, {
    error: "The interface is gone",
    advice: "See `ip link`",
  }]);
});
