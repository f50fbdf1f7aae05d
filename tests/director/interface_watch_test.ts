import assert from "node:assert/strict";
import type { EthernetLink } from "../../host/ethernet_link.ts";
import { attachmentChange, interfaceChange } from "../../director/interface_watch.ts";
import { link, LOOPBACK } from "./configs.ts";

const ETH0 = link("eth0", ["192.0.2.2/24"]) as EthernetLink;
const BOTH = new Set([4, 6] as const);

Deno.test("interfaceChange() is null while MTU, MAC, name and addresses are those of the start", () => {
  assert.equal(interfaceChange(ETH0, [LOOPBACK, link("eth0", ["192.0.2.2/24"])], BOTH), null);
});

Deno.test("interfaceChange() tells of an address that is gone, and of one in a new subnet", () => {
  const changed = (before: readonly string[], now: readonly string[]) =>
    interfaceChange(link("eth0", before) as EthernetLink, [link("eth0", now)], BOTH)?.message ?? null;
  assert.equal(
    changed(["192.0.2.2/24"], ["192.0.2.3/24"]),
    "without 192.0.2.2/24, with 192.0.2.3/24",
  );
  assert.equal(changed(["192.0.2.2/24", "10.0.0.2/8"], ["10.0.0.2/8"]), "without 192.0.2.2/24");
  assert.equal(changed(["192.0.2.2/24"], ["192.0.2.2/25"]), "without 192.0.2.2/24, with 192.0.2.2/25");
  assert.equal(changed(["192.0.2.2/24", "192.0.2.3/24"], ["192.0.2.3/24"]), "without 192.0.2.2/24");
  assert.equal(changed(["2001:db8::9/64", "2001:db8::2/64"], ["2001:db8::2/64"]), "without 2001:db8::9/64");
  assert.equal(changed(["192.0.2.2/25", "192.0.2.3/24"], ["192.0.2.2/25"]), "without 192.0.2.3/24");
  assert.equal(changed(["2001:db8::2/64", "fe80::1/64"], ["fe80::1/64"]), "without 2001:db8::2/64");
  assert.equal(changed([], ["2001:db8::2/64"]), "with 2001:db8::2/64");
  assert.equal(changed(["2001:db8::2/64"], []), "without 2001:db8::2/64");
});

Deno.test("interfaceChange() does not care for addresses that nobody is asked from, or not instead of another one", () => {
  const isSame = (before: readonly string[], now: readonly string[], families = BOTH as ReadonlySet<4 | 6>) =>
    interfaceChange(link("eth0", before) as EthernetLink, [link("eth0", now)], families) === null;
  assert.ok(isSame(["2001:db8::2/64"], ["2001:db8::99/64", "2001:db8::2/64"]), "further one in a subnet");
  assert.ok(isSame(["192.0.2.2/24"], ["192.0.2.3/24", "192.0.2.2/24"]), "their order");
  assert.ok(isSame(["192.0.2.2/24", "192.0.2.3/24"], ["192.0.2.2/24"]), "the first is asked from");
  const [privacy, stable, local] = ["2001:db8::99/64", "2001:db8::2/64", "fe80::1/64"];
  assert.ok(isSame([privacy!, stable!, local!], [stable!, local!]), "IPv6 neighbours are asked from fe80::1");
  assert.ok(isSame(["fe80::1/64"], []) && isSame([], ["fe80::1/64"]), "link-local");
  assert.ok(isSame(["192.0.2.10/32", "2001:db8::10/128"], []), "VIPs");
  assert.ok(isSame(["2001:db8::2/64"], [], new Set([4])), "a family without real servers");
});

Deno.test("interfaceChange() says what has changed, and from what", () => {
  const changed = { ...ETH0, mtu: 1400, mac: "02:00:00:00:00:99" };
  assert.deepEqual(interfaceChange(ETH0, [LOOPBACK, changed], BOTH), {
    kind: "changed",
    message: "MTU 1500 → 1400, MAC 02:00:00:00:00:02 → 02:00:00:00:00:99",
  });
});

Deno.test("interfaceChange() knows an interface by its index: another of its name is another one", () => {
  const removed = { kind: "gone", message: 'Interface "eth0" has been removed' };
  assert.deepEqual(interfaceChange(ETH0, [LOOPBACK], BOTH), removed);
  assert.deepEqual(interfaceChange(ETH0, [link("eth0", [], { index: 9 })], BOTH), removed);
  assert.deepEqual(interfaceChange(ETH0, [link("lan", [])], BOTH), {
    kind: "gone",
    message: 'Interface "eth0" has been renamed to "lan"',
  });
});

Deno.test("attachmentChange() looks at every interface in use, first for one that is gone", () => {
  const interfaces = [ETH0, { ...ETH0, name: "eth1", index: 3 }];
  const attachment = { interfaces, uplinks: new Map([["192.0.2.21", ETH0]]) };
  const changed = { ...interfaces[0]!, mtu: 1400 };
  assert.equal(attachmentChange(attachment, interfaces), null);
  assert.deepEqual(attachmentChange(attachment, [interfaces[0]!, { ...interfaces[1]!, mtu: 9000 }]), {
    kind: "changed",
    message: "MTU 1500 → 9000",
    name: "eth1",
  });
  assert.equal(attachmentChange(attachment, [changed])?.kind, "gone");
  assert.equal(attachmentChange(attachment, [changed])?.name, "eth1");
  assert.equal(attachmentChange(attachment, [LOOPBACK])?.name, "eth0");
});
