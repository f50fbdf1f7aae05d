import assert from "node:assert/strict";
import { parseConfig } from "../../config/parse_config.ts";
import { parseLinks } from "../../host/links.ts";
import type { Link } from "../../host/links.ts";
import { directorDevice, findVantages, type Vantages } from "../../sentinel/vantage.ts";
import type { VantageChoice } from "../../sentinel/vantage_choice.ts";
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
  return findVantages(links, places, VIPS, { only: null, director: null, asker: "verify", ...choice });
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
});

Deno.test("findVantages() says what gives a host an address in a VLAN, in commands that the kernel takes", () => {
  const server = ["203.0.113.21,5"];
  const place = "Real server 203.0.113.21 is in VLAN 5, where this host has no address of its subnet";
  const made = (device: string) =>
    `Give the host one: ip link add link ${device} name ${device}.5 type vlan id 5; ip link set ${device}.5 up; ` +
    `ip address add ADDRESS/PREFIX dev ${device}.5`;
  const bare = (name: string, changes = {}) => [...LINKS, link(name, [], { index: 5, ...changes })];
  const cases: [Vantages, string][] = [
    [find(LINKS, server, { director: "eth0" }), `${place} / ${made("eth0")}`],
    [find(LINKS, server, { director: "elsewhere" }), `${place} / ${made("IF")}`],
    [
      find(bare("eth0.5"), server, { director: "eth0" }),
      `${place} / Give the host one: ip address add ADDRESS/PREFIX dev eth0.5`,
    ],
    [
      find(bare("vlan5", { isUp: false }), server, { director: "eth0" }),
      `${place}, and vlan5 is down / ip link set vlan5 up; ip address add ADDRESS/PREFIX dev vlan5`,
    ],
  ];
  for (const [found, wanted] of cases) assert.deepEqual(obstacles(found), [wanted]);

  const tagged = link("eth0.5", ["203.0.113.2/24"], { index: 5 });
  assert.match(
    obstacles(find([...LINKS, tagged], server, { director: "eth0", only: "eth0" }))[0]!,
    /^Real server 203\.0\.113\.21 is not in a subnet of eth0 \/ Run it on the director/,
  );
});

Deno.test("findVantages() tells the operator of a director what to type there", () => {
  const choice = { director: "eth0", asker: "director" } as const;
  const down = (name: string, index: number) => link(name, [], { index, isUp: false });
  const tunnel = link("tun0", ["203.0.113.2/24"], { index: 5, mac: null });
  const give = "Give this host an address of its subnet: ip address add ADDRESS/PREFIX dev eth0";
  const cases: [Vantages, string][] = [
    [
      find(LINKS, ["203.0.113.21"], choice),
      `Real server 203.0.113.21 is in no subnet of this host / ${give}`,
    ],
    [
      find([...LINKS, down("eth2", 5)], ["2001:db8::21"], choice),
      "Real server 2001:db8::21 is in no subnet of this host, and eth2 is down / " +
      "ip link set eth2 up; ip address add ADDRESS/PREFIX dev eth2",
    ],
    [
      find([...LINKS, down("eth2", 5), down("eth3", 6)], ["2001:db8::21"], choice),
      "Real server 2001:db8::21 is in no subnet of this host, and eth2, eth3 are down / " +
      "ip link set IF up; ip address add ADDRESS/PREFIX dev IF",
    ],
    [
      find([...LINKS, down("eth2", 5)], ["203.0.113.21"], choice),
      `Real server 203.0.113.21 is in no subnet of this host / ${give}`,
    ],
  ];
  for (const [found, wanted] of cases) assert.deepEqual(obstacles(found), [wanted]);
  const others = [find(LINKS, ["192.0.2.2"], choice), find([...LINKS, tunnel], ["203.0.113.21"], choice)];
  for (const found of others) assert.doesNotMatch(obstacles(found)[0]!, /--interface|Run it/);
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
