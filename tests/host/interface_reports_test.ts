import assert from "node:assert/strict";
import { isOfInterface, isOfLink } from "../../host/interface_reports.ts";

/** Lines as ip(8) prints them, of a link and of an address that have changed, and of those that are gone. */
const LINK =
  "3: eth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default \\    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff";
const ADDRESS =
  "3: eth0    inet 192.0.2.2/24 scope global eth0\\       valid_lft forever preferred_lft forever";
const GONE = [LINK, ADDRESS].map((line) => `Deleted ${line}`);
const ROUTE = "192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2";

Deno.test("isOfLink() tells interfaces from their addresses and from routes", () => {
  assert.deepEqual([LINK, ADDRESS, ...GONE, ROUTE].map(isOfLink), [true, false, true, false, false]);
});

Deno.test("isOfInterface() goes by the whole number of an interface", () => {
  const lines = [LINK, ADDRESS, ...GONE];
  for (const line of lines) {
    assert(isOfInterface(line, [2, 3]), line);
    assert(!isOfInterface(line, [2, 13]) && !isOfInterface(`1${line.replace("Deleted ", "")}`, [3]), line);
  }
  assert(!isOfInterface(ROUTE, [3, 192]));
});
