import assert from "node:assert/strict";
import { parseRoutes, readRoutes } from "../../host/routes.ts";

/** What ip(8) of iproute2 6.1 said, errors on its standard error aside. */
const OUTPUT = `[{"dst":"192.0.2.21","dev":"eth0","prefsrc":"192.0.2.2","flags":[],"uid":0,"cache":[]}]
[{"dst":"2001:db8::21","from":"::","dev":"eth1","protocol":"kernel","prefsrc":"2001:db8::2","metric":256,"flags":[]}]
[{"dst":"10.1.1.1","gateway":"192.0.2.9","dev":"eth0","prefsrc":"192.0.2.2","flags":[],"uid":0,"cache":[]}]
[{"dst":"10.1.1.2","via":{"family":"inet6","host":"fe80::1"},"dev":"eth0","prefsrc":"192.0.2.2","flags":[]}]
[{"type":"local","dst":"192.0.2.2","dev":"lo","prefsrc":"192.0.2.2","flags":[],"uid":0,"cache":["local"]}]
[{"type":"broadcast","dst":"192.0.2.255","dev":"eth0","prefsrc":"192.0.2.2","flags":[],"cache":["local","brd"]}]

`;

Deno.test("parseRoutes() tells hosts on the link from those behind a router, own addresses and broadcasts", () => {
  const onLink = { isLocal: false, isOnLink: true };
  const elsewhere = { device: "eth0", isLocal: false, isOnLink: false, source: "192.0.2.2" };
  assert.deepEqual(Object.fromEntries(parseRoutes(OUTPUT)), {
    "192.0.2.21": { ...onLink, device: "eth0", source: "192.0.2.2" },
    "2001:db8::21": { ...onLink, device: "eth1", source: "2001:db8::2" },
    "10.1.1.1": elsewhere,
    "10.1.1.2": elsewhere,
    "192.0.2.2": { device: "lo", isLocal: true, isOnLink: false, source: "192.0.2.2" },
    "192.0.2.255": elsewhere,
  });
});

Deno.test("readRoutes() asks the kernel for all addresses at once and goes on past one without a route", async () => {
  // Few hosts have a route to the network of examples; none has it on a link.
  const routes = await readRoutes(["2001:db8:ffff::1", "127.0.0.1"]);
  assert.notEqual(routes.get("2001:db8:ffff::1")?.isOnLink, true);
  assert.equal(routes.get("127.0.0.1")?.isLocal, true);
  assert.deepEqual(await readRoutes([]), new Map());
});
