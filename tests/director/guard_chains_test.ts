import assert from "node:assert/strict";
import { guardChains } from "../../director/guard_chains.ts";
import type { Link } from "../../host/links.ts";

function link(name: string, subnets: readonly string[], mac: string | null = "02:00:00:00:00:02"): Link {
  const addresses = subnets.map((subnet) => {
    const [address, prefixLength] = subnet.split("/");
    return { address: address!, prefixLength: Number(prefixLength), scope: "global" };
  });
  return {
    ...{ name, index: 1, mac, mtu: 1_500, isUp: true, isLoopback: false, hasArp: true },
    addresses: addresses.filter(({ address }) => !address.includes(":")),
    ipv6Addresses: addresses.filter(({ address }) => address.includes(":")),
  };
}

const LINKS = [
  link("eth0", ["192.0.2.2/24"]),
  link("eth1", ["10.0.0.2/24"]),
  link("eth0.7", ["198.51.100.2/24", "2001:db8:7::2/64"]),
  link("tun0", ["203.0.113.1/24"], null),
];
const UNTAGGED = { vip: "192.0.2.10", vlan: null };
const TAGGED = [{ vip: "198.51.100.10", vlan: 7 }, { vip: "2001:db8:7::10", vlan: 7 }];

Deno.test("guardChains() keeps the kernel away from untagged VIPs on the director's interface and every uplink", () => {
  const guarded = { device: "eth0", uplinks: ["eth1"], vips: [UNTAGGED, UNTAGGED], probes: [] };
  assert.deepEqual(guardChains(guarded, LINKS), [
    { device: "eth0", addresses: ["192.0.2.10"] },
    { device: "eth1", addresses: ["192.0.2.10"] },
  ]);
});

Deno.test("guardChains() takes VIPs in a VLAN to the host's own interface in it, so that their frames get there", () => {
  const guarded = { device: "eth0", uplinks: [], vips: [UNTAGGED, ...TAGGED], probes: [] };
  assert.deepEqual(guardChains(guarded, LINKS), [
    { device: "eth0", addresses: ["192.0.2.10"] },
    { device: "eth0.7", addresses: ["198.51.100.10", "2001:db8:7::10"] },
  ]);
});

Deno.test("guardChains() drops VIPs of a VLAN that the host has no Ethernet interface in where they come in", () => {
  const vips = [{ vip: "203.0.113.10", vlan: 8 }, ...TAGGED];
  assert.deepEqual(guardChains({ device: "eth0", uplinks: [], vips, probes: [] }, LINKS.slice(0, 2)), [
    { device: "eth0", addresses: ["203.0.113.10", "198.51.100.10", "2001:db8:7::10"] },
  ]);
  assert.deepEqual(guardChains({ device: "eth0", uplinks: [], vips: vips.slice(0, 1), probes: [] }, LINKS), [
    { device: "eth0", addresses: ["203.0.113.10"] },
  ]);
});

Deno.test("guardChains() covers an address that proofs are made from on its own interface alone", () => {
  const probes = [{ address: "198.51.100.99", device: "eth0.7" }, { address: "192.0.2.99", device: "eth0" }];
  assert.deepEqual(guardChains({ device: "eth0", uplinks: ["eth1"], vips: [UNTAGGED], probes }, LINKS), [
    { device: "eth0", addresses: ["192.0.2.10", "192.0.2.99"] },
    { device: "eth1", addresses: ["192.0.2.10"] },
    { device: "eth0.7", addresses: ["198.51.100.99"] },
  ]);
});

Deno.test("guardChains() leaves out interfaces that are gone, which nft would refuse", () => {
  const probes = [{ address: "198.51.100.99", device: "eth0.7" }];
  const guarded = { device: "eth0", uplinks: ["eth1"], vips: [UNTAGGED], probes };
  assert.deepEqual(guardChains(guarded, LINKS.slice(0, 1)), [{
    device: "eth0",
    addresses: ["192.0.2.10"],
  }]);
});
