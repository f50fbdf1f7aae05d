import assert from "node:assert/strict";
import { holdersOf, isFirstOfSubnet, removalCommands } from "../../realserver/address_promotion.ts";
import { link, VIP } from "./host_states.ts";

Deno.test("removalCommands() takes a VIP off every interface, and keeps addresses that the kernel would take along", () => {
  const links = [
    link("lo", "127.0.0.1/8", `${VIP}/32`),
    link("eth0", `${VIP}/32`, `${VIP}/24`, "192.0.2.21/24"),
    link("eth1", "192.0.2.22/24", `${VIP}/24`),
  ];
  assert.deepEqual(removalCommands(VIP, holdersOf(VIP, links)), [
    "sysctl -w net.ipv4.conf.eth0.promote_secondaries=1",
    `ip address delete ${VIP}/32 dev lo`,
    `ip address delete ${VIP}/32 dev eth0`,
    `ip address delete ${VIP}/24 dev eth0`,
    `ip address delete ${VIP}/24 dev eth1`,
  ]);
  assert.deepEqual(removalCommands("192.0.2.99", holdersOf("192.0.2.99", links)), []);
  const ipv6 = holdersOf("2001:db8::10", [link("eth0", "2001:db8::10/64", "2001:db8::21/64")]);
  assert.deepEqual(removalCommands("2001:db8::10", ipv6), ["ip address delete 2001:db8::10/64 dev eth0"]);
});

Deno.test("isFirstOfSubnet() is about addresses with one prefix, whatever else the interface has before them", () => {
  assert(isFirstOfSubnet(VIP, link("eth0", "198.51.100.1/24", `${VIP}/24`, "192.0.2.21/24")));
  for (const first of ["192.0.2.21/24", "192.0.2.21/25"]) {
    assert(!isFirstOfSubnet(VIP, link("eth0", first, `${VIP}/24`)), first);
  }
  assert(!isFirstOfSubnet(VIP, link("eth0", `${VIP}/32`, "192.0.2.21/24")));
});
