import assert from "node:assert/strict";
import { EventLog } from "../../director/events.ts";
import { Quarantine } from "../../director/quarantine.ts";
import type { WireAlarm } from "../../model/status_snapshot.ts";
import { server, service } from "../status/snapshots.ts";
import { config } from "./configs.ts";

function alarm(realServer: string | null): WireAlarm {
  return {
    ...{ name: "vip_answered_by_other", vip: "192.0.2.10", mac: "02:00:00:00:00:15", realServer },
    ...{ sentence: "", host: "", command: "", firstSeen: "", lastSeen: "", count: 1 },
  };
}

function begin(isOn = true) {
  const reported: string[] = [];
  const read = config();
  const cluster = { ...read, director: { ...read.director, quarantine: isOn } };
  const [web, dns] = cluster.services;
  const quarantine = new Quarantine(
    new EventLog(({ name, message }) => reported.push(`${name}: ${message}`)),
  );
  const holds = (index: number, isHealthy = true) =>
    quarantine.holds(web!, web!.servers[index]!, () => isHealthy);
  return { quarantine, cluster, web: web!, dns: dns!, reported, holds };
}

Deno.test("Quarantine holds real servers that take VIPs until they do not any more", () => {
  const { quarantine, cluster, holds } = begin();
  assert.equal(quarantine.adopt(cluster, []), false);
  assert.equal(quarantine.adopt(cluster, [alarm("192.0.2.21"), alarm("192.0.2.21"), alarm(null)]), true);
  assert.equal(quarantine.adopt(cluster, [alarm("192.0.2.21")]), false);
  assert.deepEqual([holds(0), holds(1)], [true, false]);
  assert.equal(quarantine.adopt(cluster, []), true);
  assert.equal(holds(0), false);
});

Deno.test("Quarantine holds nobody unless it is configured", () => {
  const { quarantine, cluster, holds } = begin(false);
  assert.equal(quarantine.adopt(cluster, [alarm("192.0.2.21")]), false);
  assert.equal(holds(0), false);
});

Deno.test("Quarantine leaves a service its last servers, thieves or not", () => {
  const { quarantine, cluster, dns, holds } = begin();
  quarantine.adopt(cluster, [alarm("192.0.2.21"), alarm("192.0.2.22")]);
  assert.deepEqual([holds(0), holds(1)], [false, false], "the third one has weight 0");
  quarantine.adopt(cluster, [alarm("192.0.2.21")]);
  assert.equal(holds(0, false), false, "the others are down");
  assert.equal(quarantine.holds(dns, dns.servers[0]!, () => true), false, "it has one server only");
});

Deno.test("Quarantine reports who goes in and who comes out, once", () => {
  const { quarantine, cluster, reported } = begin();
  let held = new Set(["192.0.2.21"]);
  const report = () =>
    quarantine.report(
      cluster.services,
      (service, server) => service.name === "web" && held.has(server.address) ? "quarantined" : "up",
    );
  report();
  report();
  held = new Set(["192.0.2.22"]);
  report();
  assert.deepEqual(reported, [
    "realserver.quarantined: web/192.0.2.21 gets no new connections until it leaves the VIPs alone",
    "realserver.quarantined: web/192.0.2.22 gets no new connections until it leaves the VIPs alone",
    "realserver.released: web/192.0.2.21 is in quarantine no more",
  ]);
});

Deno.test("Quarantine counts on no server that has no MAC or no room, unless that is over by the next look", () => {
  const { quarantine, cluster, holds } = begin();
  const look = (mac: string | null, isOverloaded = false) =>
    quarantine.look([service("web", [server("192.0.2.22", { mac, isOverloaded })])]);
  assert.equal(look(null), false, "nobody is in quarantine, so nothing changes");
  quarantine.adopt(cluster, [alarm("192.0.2.21")]);
  assert.equal(holds(0), false, "nobody knows where the other is");
  assert.equal(look("02:00:00:00:00:16"), true);
  assert.equal(holds(0), true);
  assert.equal(look(null), false, "it may be asked for anew");
  assert.equal(look("02:00:00:00:00:16"), false);
  assert.equal(look("02:00:00:00:00:16", true), false);
  assert.equal(look("02:00:00:00:00:16", true), true);
  assert.equal(holds(0), false, "the other is full");
  for (let looks = 1; looks < 10; looks++) assert.equal(look("02:00:00:00:00:16"), false);
  assert.equal(holds(0), false, "it may be full again in a moment");
  assert.equal(look("02:00:00:00:00:16"), true);
  assert.equal(holds(0), true);
});

Deno.test("Quarantine says of a thief that gets connections again whether it has left the VIPs alone", () => {
  const { quarantine, cluster, web, reported } = begin();
  let isHealthy = true;
  let isDown = false;
  const report = () =>
    quarantine.report(
      cluster.services,
      (service, server) => {
        if (isDown) return "down";
        return quarantine.holds(service, server, () => isHealthy) ? "quarantined" : "up";
      },
    );
  quarantine.adopt(cluster, [alarm("192.0.2.21")]);
  report();
  isDown = true;
  report();
  isDown = false;
  report();
  isHealthy = false;
  report();
  isHealthy = true;
  report();
  quarantine.adopt(cluster, []);
  report();
  const name = `${web.name}/192.0.2.21`;
  assert.deepEqual(reported, [
    `realserver.quarantined: ${name} gets no new connections until it leaves the VIPs alone`,
    `realserver.released: ${name} gets new connections again, although it still takes VIPs: no other server of web can`,
    `realserver.quarantined: ${name} gets no new connections until it leaves the VIPs alone`,
    `realserver.released: ${name} is in quarantine no more`,
  ]);
});
