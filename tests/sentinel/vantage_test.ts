import assert from "node:assert/strict";
import { parseConfig } from "../../config/parse_config.ts";
import { parseLinks } from "../../host/links.ts";
import type { Link } from "../../host/links.ts";
import { directorDevice, findVantages, type VantageChoice, type Vantages } from "../../sentinel/vantage.ts";
import { link, LOOPBACK } from "../director/configs.ts";

const VIPS = new Set(["192.0.2.10", "2001:db8::10"]);
const ETH0 = link("eth0", ["192.0.2.2/24"]);
const ETH1 = link("eth1", ["198.51.100.2/24"], { index: 3 });
const LINKS = [LOOPBACK, ETH0, ETH1];

/** Looks for servers that are in no VLAN, but for those with one behind a comma. */
function find(
  links: readonly Link[],
  servers: readonly string[],
  choice: Partial<VantageChoice> = {},
): Vantages {
  const places = servers.map((server) => {
    const [address, vlan] = server.split(",");
    return { address: address!, vlan: vlan === undefined ? null : Number(vlan) };
  });
  return findVantages(links, places, VIPS, { only: null, director: null, ...choice });
}

/** Interface, subnet, sender and servers of each vantage. */
function places({ vantages }: Vantages): string[] {
  return vantages.map(({ link: { name }, subnet, senderAddress, servers }) =>
    `${name} ${subnet.address}/${subnet.prefixLength} from ${senderAddress}: ${servers.join(" ")}`
  );
}

/** What is wrong with each server that cannot be looked at, and the remedy. */
function obstacles({ unseen }: Vantages): string[] {
  return [...unseen.values()].map(({ message, remedy }) => `${message} / ${remedy}`);
}

function withIpv6(name: string, addresses: readonly [string, number, string][]): Link {
  const report = {
    ifname: name,
    ifindex: 2,
    flags: ["BROADCAST", "UP"],
    mtu: 1500,
    address: "02:00:00:00:00:02",
    addr_info: addresses.map(([local, prefixlen, scope]) => ({ family: "inet6", local, prefixlen, scope })),
  };
  return parseLinks(JSON.stringify([report]))[0]!;
}

Deno.test("findVantages() takes for each server the interface whose subnet holds it", () => {
  const servers = ["198.51.100.21", "192.0.2.21", "198.51.100.22", "198.51.100.21"];
  assert.deepEqual(places(find(LINKS, servers)), [
    "eth1 198.51.100.2/24 from 198.51.100.2: 198.51.100.21 198.51.100.22",
    "eth0 192.0.2.2/24 from 192.0.2.2: 192.0.2.21",
  ]);
});

Deno.test("findVantages() prefers the director's interface where another has the same subnet", () => {
  const twin = link("eth2", ["192.0.2.3/24"], { index: 4 });
  assert.deepEqual(places(find([...LINKS, twin], ["192.0.2.21"], { director: "eth2" })), [
    "eth2 192.0.2.3/24 from 192.0.2.3: 192.0.2.21",
  ]);
});

Deno.test("findVantages() never asks with a VIP as sender", () => {
  const both = link("eth0", ["192.0.2.10/24", "192.0.2.2/24"]);
  assert.equal(find([both], ["192.0.2.21"]).vantages[0]!.senderAddress, "192.0.2.2");
  const only = link("eth0", ["192.0.2.10/24"]);
  assert.equal(find([only], ["192.0.2.21"]).vantages[0]!.senderAddress, "0.0.0.0");
});

Deno.test("findVantages() asks over IPv6 from a global address, else from the link's own, never as nobody", () => {
  const linkLocal: [string, number, string] = ["fe80::2", 64, "link"];
  const global = withIpv6("eth0", [["2001:db8::2", 64, "global"], linkLocal]);
  assert.equal(find([global], ["2001:db8::21"]).vantages[0]!.senderAddress, "2001:db8::2");
  const vip: [string, number, string] = ["2001:db8::10", 64, "global"];
  assert.equal(
    find([withIpv6("eth0", [vip, linkLocal])], ["2001:db8::21"]).vantages[0]!.senderAddress,
    "fe80::2",
  );
  assert.match(
    obstacles(find([withIpv6("eth0", [vip])], ["2001:db8::21"]))[0]!,
    /^Interface "eth0" has no IPv6 address to ask from that is no VIP \/ Give it one of its own: ip address add /,
  );
});

Deno.test("findVantages() looks at a server in a VLAN from the interface that has its subnet there, if there is one", () => {
  const tagged = link("eth0.5", ["203.0.113.2/24"], { index: 5 });
  const choice = { director: "eth0" };
  assert.deepEqual(places(find([...LINKS, tagged], ["203.0.113.21,5"], choice)), [
    "eth0.5 203.0.113.2/24 from 203.0.113.2: 203.0.113.21",
  ]);
  assert.deepEqual(obstacles(find(LINKS, ["192.0.2.21,5"], choice)), [
    "Real server 192.0.2.21 is in VLAN 5, where this host has no address of its subnet / " +
    "Give the host one: ip link add link eth0 name eth0.5 type vlan id 5, and an address",
  ]);
  assert.match(
    obstacles(find(LINKS, ["203.0.113.21,5"]))[0]!,
    /ip link add link IF name IF\.5 type vlan id 5/,
  );
});

Deno.test("findVantages() says why a host is no place to look from", () => {
  const server = ["192.0.2.21"];
  const cases: [Vantages, RegExp][] = [
    [find([LOOPBACK, ETH1], server), /is in no subnet of this host \/ Run it on the director/],
    [find([link("eth0", ["192.0.2.21/24"])], server), /192\.0\.2\.21 is this host itself/],
    [find(LINKS, server, { only: "eth9" }), /no interface "eth9" \/ This host has lo, eth0, eth1/],
    [find(LINKS, server, { only: "lo" }), /"lo" is no Ethernet interface/],
    [
      find([link("eth0", ["192.0.2.2/24"], { isUp: false })], server),
      /"eth0" is down \/ ip link set eth0 up/,
    ],
    [find(LINKS, server, { only: "eth1" }), /192\.0\.2\.21 is not in a subnet of eth1/],
  ];
  for (const [found, wanted] of cases) {
    assert.deepEqual(places(found), []);
    assert.match(obstacles(found)[0]!, wanted);
  }
});

Deno.test("findVantages() looks at the others where one server cannot be looked at", () => {
  const found = find(LINKS, ["192.0.2.21", "203.0.113.21"]);
  assert.deepEqual(found.vantages.map(({ servers }) => servers), [["192.0.2.21"]]);
  assert.deepEqual([...found.unseen.keys()], ["203.0.113.21"]);
});

Deno.test("directorDevice() is the configured interface, else the one whose subnet has a VIP outside VLANs", () => {
  const inVlan = "{ vip: 192.0.2.10, vlan: 5, port: 80, servers: [{ address: 192.0.2.21 }] }";
  const untagged = "{ vip: 198.51.100.10, port: 80, servers: [{ address: 198.51.100.21 }] }";
  const deviceOf = (text: string) => directorDevice(parseConfig(text, "test.yaml"), LINKS);
  assert.equal(deviceOf(`services: [${inVlan}, ${untagged}]`), "eth1");
  assert.equal(deviceOf(`director: { interface: eth9 }\nservices: [${untagged}]`), "eth9");
  assert.equal(deviceOf(`director: { interface: eth0 }\nservices: [${inVlan}]`), "eth0");
  assert.equal(deviceOf(`services: [${untagged.replaceAll("198.51.100", "203.0.113")}]`), null);
});
