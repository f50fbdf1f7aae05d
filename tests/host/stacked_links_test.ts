import assert from "node:assert/strict";
import { parseBonded, parseVlansOn } from "../../host/stacked_links.ts";

Deno.test("parseVlansOn() finds the VLANs that the host has an interface in on top of one", () => {
  // As ip(8) of iproute2 6.1 prints them, shortened; it prints an empty object for each interface of another type.
  const json = JSON.stringify([
    {},
    {
      ifname: "eth0.10",
      link: "eth0",
      linkinfo: { info_kind: "vlan", info_data: { protocol: "802.1Q", id: 10 } },
    },
    {
      ifname: "lan",
      link: "eth0",
      linkinfo: { info_kind: "vlan", info_data: { protocol: "802.1Q", id: 20 } },
    },
    { ifname: "eth1.30", link: "eth1", linkinfo: { info_kind: "vlan", info_data: { id: 30 } } },
    { ifname: "macvlan", link: "eth0", linkinfo: { info_kind: "macvlan", info_data: { mode: "bridge" } } },
  ]);
  assert.deepEqual([...parseVlansOn("eth0", json)], [10, 20]);
  assert.deepEqual([...parseVlansOn("eth2", json)], []);
  assert.deepEqual([...parseVlansOn("eth0", "")], []);
});

Deno.test("parseBonded() finds the cards of a bond, and none of a bridge, which receives everything", () => {
  const json = JSON.stringify([
    { ifname: "eth1", linkinfo: { info_slave_kind: "bond" } },
    { ifname: "eth2", linkinfo: { info_slave_kind: "team" } },
    { ifname: "eth3", linkinfo: { info_kind: "veth", info_slave_kind: "bridge" } },
    {},
  ]);
  assert.deepEqual(parseBonded(json), ["eth1", "eth2"]);
  assert.deepEqual(parseBonded("[]"), []);
});
