import assert from "node:assert/strict";
import { interfaceChange } from "../../director/interface_watch.ts";
import { link, LOOPBACK, MAC } from "./configs.ts";

const ETH0 = { name: "eth0", index: 2, mac: MAC, mtu: 1500 };

Deno.test("interfaceChange() is null while MTU, MAC and name are those of the start, whatever addresses do", () => {
  assert.equal(interfaceChange(ETH0, [LOOPBACK, link("eth0", ["192.0.2.3/24"])]), null);
});

Deno.test("interfaceChange() says what has changed, and from what", () => {
  const changed = link("eth0", [], { mtu: 1400, mac: "02:00:00:00:00:99" });
  assert.deepEqual(interfaceChange(ETH0, [LOOPBACK, changed]), {
    kind: "changed",
    message: "MTU 1500 → 1400, MAC 02:00:00:00:00:02 → 02:00:00:00:00:99",
  });
});

Deno.test("interfaceChange() knows an interface by its index: another of its name is another one", () => {
  const removed = { kind: "gone", message: 'Interface "eth0" has been removed' };
  assert.deepEqual(interfaceChange(ETH0, [LOOPBACK]), removed);
  assert.deepEqual(interfaceChange(ETH0, [link("eth0", [], { index: 9 })]), removed);
  assert.deepEqual(interfaceChange(ETH0, [link("lan", [])]), {
    kind: "gone",
    message: 'Interface "eth0" has been renamed to "lan"',
  });
});
