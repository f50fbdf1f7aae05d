import assert from "node:assert/strict";
import type { HostReport } from "../../model/status_snapshot.ts";
import { createApp } from "../../status/app.tsx";
import { assess } from "../../status/assessment.ts";
import { hostAuditText } from "../../status/host_text.ts";
import { renderStatus } from "../../status/status_command.ts";
import { NOW, ONE, server, service } from "./snapshots.ts";

const SOUND: HostReport = {
  kind: "told",
  at: NOW,
  method: "loopback",
  factsWrong: 0,
  wrongFacts: [],
  trouble: null,
  load: { averages: [0.518, 0.4, 0.3], cpus: 2 },
};
const UNSOUND: HostReport = {
  ...SOUND,
  factsWrong: 2,
  wrongFacts: ["arp_ignore on eth0", "<b>VIP</b> \x1b[31m192.0.2.10"],
};
const SILENT: HostReport = { kind: "silent", at: NOW, reason: "192.0.2.23:8481 refused" };

const SNAPSHOT = {
  ...ONE,
  services: [
    service("web", [
      server("192.0.2.21", { host: SOUND }),
      server("192.0.2.22", { host: UNSOUND }),
      server("192.0.2.23", { host: SILENT }),
      server("192.0.2.24"),
    ]),
  ],
};

Deno.test("hostAuditText() names what is wrong, and counts what does not fit", () => {
  assert.equal(hostAuditText(SOUND), "ok");
  assert.equal(hostAuditText({ ...SOUND, factsWrong: 1, wrongFacts: ["a"] }), "1 fact wrong: a");
  assert.equal(
    hostAuditText({ ...SOUND, factsWrong: 9, wrongFacts: ["a", "b"] }),
    "9 facts wrong: a, b and 7 more",
  );
  assert.equal(hostAuditText({ ...SOUND, trouble: "no luck" }), "cannot be made, no luck");
  assert.equal(hostAuditText(SILENT), "not known, 192.0.2.23:8481 refused");
});

Deno.test("lvsdr status has a line for each real server that was asked about its host", () => {
  const lines = renderStatus(SNAPSHOT).split("\n").filter((line) => line.startsWith("    host audit"));
  assert.deepEqual(lines, [
    "    host audit: ok; load 0.52 on 2 CPUs",
    "    host audit: 2 facts wrong: arp_ignore on eth0, <b>VIP</b> �[31m192.0.2.10; load 0.52 on 2 CPUs",
    "    host audit: not known, 192.0.2.23:8481 refused",
  ]);
});

Deno.test("the page shows what real servers say of their hosts, escaped", async () => {
  const app = createApp({ snapshot: () => SNAPSHOT, token: null, isReady: () => true });
  const page = await (await app.request("/")).text();
  assert.equal(page.match(/host audit: /g)!.length, 3);
  assert.ok(page.includes("not known, 192.0.2.23:8481 refused"));
  assert.ok(page.includes("load 0.52 on 2 CPUs"));
  assert.ok(page.includes("&lt;b&gt;VIP") && !page.includes("<b>VIP"));
});

Deno.test("wrong facts of a host are a warning, said once; a silent host is none", () => {
  const twice = { ...SNAPSHOT, services: [...SNAPSHOT.services, ...SNAPSHOT.services] };
  const { level, headline, reasons } = assess(twice);
  assert.deepEqual([level, headline], ["warning", "Serving, but a real server is not as it must be"]);
  assert.equal(reasons.length, 1);
  assert.match(reasons[0]!, /^192\.0\.2\.22 says of its own host: 2 facts wrong/);
  const silent = { ...ONE, services: [service("web", [server("192.0.2.23", { host: SILENT })])] };
  assert.equal(assess(silent).level, "ok");
});
