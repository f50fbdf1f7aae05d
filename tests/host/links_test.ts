import assert from "node:assert/strict";
import { type Link, linkHolding, linkOfSubnet, parseLinks, subnetAddress } from "../../host/links.ts";

function link(name: string, ...addresses: string[]): Link {
  return {
    name,
    index: 1,
    mac: null,
    mtu: 1500,
    isUp: true,
    isLoopback: name === "lo",
    hasArp: name !== "lo",
    addresses: addresses.map((text) => {
      const [address, prefix] = text.split("/");
      return { address: address!, prefixLength: Number(prefix), scope: "global" };
    }),
    ipv6Addresses: [],
  };
}

Deno.test("parseLinks() reads what ip(8) prints, IPv6 addresses apart", () => {
  const json = JSON.stringify([
    {},
    {
      ifindex: 2,
      ifname: "eth0",
      flags: ["BROADCAST", "UP"],
      mtu: 1500,
      address: "02:00:00:00:00:01",
      addr_info: [
        { family: "inet", local: "192.0.2.21", prefixlen: 24, scope: "global" },
        { family: "inet6", local: "fe80::1", prefixlen: 64, scope: "link" },
        {},
      ],
    },
    { ifindex: 3, ifname: "tun0", flags: ["POINTOPOINT", "NOARP"], mtu: 1400, addr_info: [] },
  ]);
  assert.deepEqual(parseLinks(json), [
    {
      name: "eth0",
      index: 2,
      mac: "02:00:00:00:00:01",
      mtu: 1500,
      isUp: true,
      isLoopback: false,
      hasArp: true,
      addresses: [{ address: "192.0.2.21", prefixLength: 24, scope: "global" }],
      ipv6Addresses: [{ address: "fe80::1", prefixLength: 64, scope: "link" }],
    },
    {
      name: "tun0",
      index: 3,
      mac: null,
      mtu: 1400,
      isUp: false,
      isLoopback: false,
      hasArp: false,
      addresses: [],
      ipv6Addresses: [],
    },
  ]);
});

Deno.test("linkHolding() finds the interface that has exactly the address", () => {
  const links = [link("lo", "127.0.0.1/8"), link("eth0", "192.0.2.21/24")];
  assert.equal(linkHolding(links, "192.0.2.21")?.name, "eth0");
  assert.equal(linkHolding(links, "192.0.2.22"), null);
});

Deno.test("linkOfSubnet() takes the longest prefix and never loopback", () => {
  const links = [link("lo", "192.0.2.1/30"), link("wide", "192.0.0.1/16"), link("eth0", "192.0.2.21/24")];
  assert.equal(linkOfSubnet(links, "192.0.2.2")?.name, "eth0");
  assert.equal(linkOfSubnet(links, "192.0.3.2")?.name, "wide");
  assert.equal(linkOfSubnet(links, "198.51.100.1"), null);
});

Deno.test("linkOfSubnet() does not take an address for its own neighbour", () => {
  assert.equal(linkOfSubnet([link("eth0", "192.0.2.10/32")], "192.0.2.10"), null);
  assert.equal(
    subnetAddress(link("eth0", "192.0.2.10/24", "192.0.2.21/24"), "192.0.2.10")?.address,
    "192.0.2.21",
  );
});

Deno.test("linkOfSubnet() and linkHolding() know IPv6", () => {
  const held = (address: string, prefixLength: number) => ({ address, prefixLength, scope: "global" });
  const links = [
    { ...link("wide"), ipv6Addresses: [held("2001:db8::1", 32)] },
    { ...link("eth0"), ipv6Addresses: [held("fe80::1", 64), held("2001:db8::21", 64)] },
  ];
  assert.equal(linkOfSubnet(links, "2001:db8::10")?.name, "eth0");
  assert.equal(linkOfSubnet(links, "2001:db8:1::10")?.name, "wide");
  assert.equal(linkOfSubnet(links, "2001:db9::10"), null);
  assert.equal(linkHolding(links, "2001:db8::21")?.name, "eth0");
});
