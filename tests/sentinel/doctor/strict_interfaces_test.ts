import assert from "node:assert/strict";
import {
  parseInnerLinks,
  routesElsewhere,
  sampleAddresses,
} from "../../../sentinel/doctor/strict_interfaces.ts";

const INNER: ReadonlySet<string> = new Set(["lo", "docker0"]);

/** As ip(8) of iproute2 6.1 prints them, shortened. */
const ROUTES = [
  { dst: "default", gateway: "203.0.113.1", dev: "eth1" },
  { dst: "192.0.2.0/24", dev: "eth0", scope: "link" },
  { dst: "10.0.0.0/8", gateway: "203.0.113.1", dev: "eth1" },
  { dst: "203.0.113.5", dev: "eth1", scope: "link" },
  { dst: "203.0.113.6/31", dev: "eth2", scope: "link" },
  { dst: "172.17.0.0/16", dev: "docker0", scope: "link" },
  { type: "unreachable", dst: "10.9.0.0/16", dev: "lo" },
  { type: "broadcast", dst: "203.0.113.255", dev: "eth1", table: "local" },
  { dst: "198.51.100.0/25", nexthops: [{ dev: "eth1" }, { dev: "eth2" }] },
  { dst: "198.51.100.128/25", nexthops: [{ dev: "eth0" }, { dev: "eth1" }] },
];

Deno.test("sampleAddresses() asks for some of each prefix that leads elsewhere, and for no default or inner route", () => {
  assert.deepEqual(sampleAddresses(JSON.stringify(ROUTES), "eth0", INNER), [
    ...["10.0.0.1", "10.128.0.0", "10.255.255.254"],
    "203.0.113.5",
    ...["203.0.113.6", "203.0.113.7"],
    ...["198.51.100.1", "198.51.100.64", "198.51.100.126"],
  ]);
  assert.deepEqual(sampleAddresses("", "eth0", INNER), []);
});

Deno.test("routesElsewhere() names each prefix once, unless one of its next hops is by the interface itself", () => {
  const answers = [...ROUTES, ...ROUTES].map((route) => JSON.stringify([route])).join("\n");
  assert.deepEqual(routesElsewhere(`${answers}\n`, "eth0", INNER), [
    { prefix: "10.0.0.0/8", device: "eth1" },
    { prefix: "203.0.113.5/32", device: "eth1" },
    { prefix: "203.0.113.6/31", device: "eth2" },
    { prefix: "198.51.100.0/25", device: "eth1, eth2" },
  ]);
});

Deno.test("parseInnerLinks() tells networks of containers from interfaces that lead to other hosts", () => {
  const link = (ifname: string, kind: string | null, more: object = {}) => ({
    ifname,
    ...(kind === null ? {} : { linkinfo: { info_kind: kind } }),
    addr_info: [{ family: "inet" }],
    ...more,
  });
  const silent = { addr_info: [{ family: "inet6" }] };
  const json = JSON.stringify([
    {},
    link("lo", null, { flags: ["LOOPBACK", "UP"] }),
    link("eth0", null),
    link("eth1", "veth"), // the network card of a container
    link("cali1", "veth", silent),
    link("dummy0", "dummy"),
    link("docker0", "bridge"), // without a container
    link("virbr0", "bridge"),
    link("vnet0", "tun", { ...silent, master: "virbr0" }),
    link("lxdbr0", "bridge"),
    link("veth1", "veth", { ...silent, master: "lxdbr0" }),
    link("br0", "bridge"),
    link("veth2", "veth", { ...silent, master: "br0" }),
    link("eth2", null, { ...silent, master: "br0" }),
    link("eth0.7", "vlan"),
    link("wg0", "wireguard"),
  ]);
  assert.deepEqual(
    [...parseInnerLinks(json)],
    ["lo", "cali1", "dummy0", "docker0", "virbr0", "lxdbr0", "veth1", "veth2"],
  );
});
