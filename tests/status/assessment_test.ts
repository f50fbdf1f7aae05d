import assert from "node:assert/strict";
import {
  assess,
  assessService,
  countUsable,
  describeState,
  isUsable,
  tallyServers,
} from "../../status/assessment.ts";
import { alarm, CLAIMED, downServer, EMPTY, ONE, server, service, TROUBLED } from "./snapshots.ts";

Deno.test("isUsable() is true only for a server that can be given a connection now", () => {
  assert.equal(isUsable(server("192.0.2.21")), true);
  assert.equal(isUsable(downServer("192.0.2.21")), false);
  assert.equal(isUsable(server("192.0.2.21", { isOverloaded: true })), false);
  assert.equal(isUsable(server("192.0.2.21", { effectiveWeight: 0 })), false);
  assert.equal(isUsable(server("192.0.2.21", { state: "unresolved" })), false);
});

Deno.test("assess() finds nothing to say when all is well", () => {
  assert.deepEqual(assess(ONE), { level: "ok", headline: "All services are well", reasons: [] });
});

Deno.test("assess() warns of a down server and names it with the reason", () => {
  const services = [service("web", [server("192.0.2.21"), downServer("192.0.2.22")])];
  assert.deepEqual(assess({ ...ONE, services }), {
    level: "warning",
    headline: "Serving, with 1 of 2 real servers out",
    reasons: ["192.0.2.22 of web is down: TCP 192.0.2.22:80 refused"],
  });
});

Deno.test("assess() counts a real server once, however many services it is in, and as out if it is out of one", () => {
  const services = ["web", "mail", "dns"].map((name) =>
    service(name, [server("192.0.2.21"), downServer("192.0.2.22")])
  );
  const { headline, reasons } = assess({ ...ONE, services });
  assert.deepEqual([headline, reasons.length], ["Serving, with 1 of 2 real servers out", 3]);
  const other = service("other", [server("192.0.2.22"), server("192.0.2.23")]);
  assert.equal(
    assess({ ...ONE, services: [services[0]!, other] }).headline,
    "Serving, with 1 of 3 real servers out",
  );
});

Deno.test("tallyServers() counts real servers by address: quiesced ones are neither usable nor out", () => {
  const quiesced = server("192.0.2.23", { state: "quiesced", weight: 0, effectiveWeight: 0 });
  const services = [
    service("web", [server("192.0.2.21"), downServer("192.0.2.22"), quiesced]),
    service("mail", [server("192.0.2.21"), server("192.0.2.22"), quiesced]),
  ];
  assert.deepEqual(tallyServers(services), { all: 3, usable: 1, out: 1 });
  assert.deepEqual(tallyServers([]), { all: 0, usable: 0, out: 0 });
});

Deno.test("assess() warns of a real server that answers for its VIP, though all are served", () => {
  const audit = { verdict: "answers", at: "2026-03-01T11:57:00.000Z" } as const;
  const services = [service("web", [server("192.0.2.21", { audit }), server("192.0.2.22", { audit: null })])];
  assert.deepEqual(assess({ ...ONE, services }), {
    level: "warning",
    headline: "Serving, but a VIP is not safe with every real server",
    reasons: ["192.0.2.21 of web answers for 192.0.2.10 when it is asked: harden it with lvsdr realserver"],
  });
});

Deno.test("assess() puts the service nobody serves first", () => {
  const { level, headline, reasons } = assess(TROUBLED);
  assert.equal(level, "error");
  assert.equal(headline, "Service dns has no usable server");
  assert.match(reasons[0]!, /of dns is down/);
});

Deno.test("assess() lists all services nobody serves", () => {
  const services = [service("web", [downServer("192.0.2.21")]), service("dns", [])];
  const { headline, reasons } = assess({ ...ONE, services });
  assert.equal(headline, "2 services have no usable server");
  assert.deepEqual(reasons.slice(0, 2), [
    "Service web has no usable server",
    "Service dns has no usable server",
  ]);
});

Deno.test("assess() does not worry about a server that was quiesced on purpose", () => {
  const quiesced = server("192.0.2.22", { state: "quiesced", weight: 0, effectiveWeight: 0 });
  const services = [service("web", [server("192.0.2.21"), quiesced])];
  assert.equal(assess({ ...ONE, services }).level, "ok");
  assert.equal(assessService(services[0]!), "ok");
  assert.equal(countUsable(services[0]!), 1);
});

Deno.test("assess() warns when nine tenths of the connection table are used", () => {
  const table = { used: 899, capacity: 1000, bytesPerConnection: 64 };
  assert.equal(assess({ ...ONE, connectionTable: table }).level, "ok");
  const { level, reasons } = assess({ ...ONE, connectionTable: { ...table, used: 900 } });
  assert.equal(level, "warning");
  assert.match(reasons[0]!, /raise director\.max_connections/);
});

Deno.test("assess() finds it wrong that somebody else claims a VIP, after services that nobody serves", () => {
  const { level, headline, reasons } = assess(CLAIMED);
  assert.deepEqual([level, headline], ["error", "VIP 192.0.2.10 is claimed by somebody else"]);
  assert.deepEqual(reasons, ["192.0.2.21 of web is quarantined: it takes a VIP for itself"]);
  const alarms = [alarm(), alarm({ vip: "192.0.2.11" }), alarm({ mac: "02:00:00:00:00:16" })];
  assert.equal(assess({ ...ONE, alarms }).headline, "2 VIPs are claimed by somebody else");
  assert.match(assess({ ...TROUBLED, alarms }).headline, /^Service dns has no usable server$/);
});

Deno.test("assess() finds it wrong that nothing is forwarded, whatever the servers are, and says why", () => {
  const datapath = { ...ONE.datapath, isForwarding: false };
  assert.deepEqual(assess({ ...ONE, datapath }), {
    level: "error",
    headline: "Nothing is forwarded",
    reasons: [],
  });
  const unusable = (message: string) => ({ ...ONE.events[0]!, name: "interface.unusable", message });
  const { headline, reasons } = assess({
    ...TROUBLED,
    datapath,
    events: [...ONE.events, unusable("eth0: MTU 1500 → 1400"), unusable("eth0: before")],
  });
  assert.deepEqual([headline, reasons[0]], ["Nothing is forwarded", "eth0: MTU 1500 → 1400"]);
  assert.match(reasons[1]!, /of dns is down/);
});

Deno.test("assess() says by what question nobody is found, in each family", () => {
  const lost = ["192.0.2.21", "2001:db8::21"].map((address) => server(address, { state: "unresolved" }));
  const { reasons } = assess({ ...ONE, services: [service("web", [...lost, server("192.0.2.22")])] });
  assert.deepEqual(reasons, [
    "192.0.2.21 of web is unresolved: nobody answers ARP for its address",
    "2001:db8::21 of web is unresolved: nobody answers Neighbor Discovery for its address",
  ]);
});

Deno.test("assess() does not call a director without services well", () => {
  assert.equal(assess(EMPTY).level, "warning");
});

Deno.test("describeState() has a word and a tone for every state", () => {
  const words = TROUBLED.services[0]!.servers.map((one) => Object.values(describeState(one)).join(" "));
  assert.deepEqual(words, [
    "ok up",
    "warning overloaded",
    "error down",
    "paused quiesced",
    "warning unresolved",
    "ok up",
  ]);
});
