import assert from "node:assert/strict";
import { attach, type Attachment, egressOf } from "../../director/attachment.ts";
import type { Link } from "../../host/links.ts";
import type { Config } from "../../model/config.ts";
import { OperatorError } from "../../model/operator_error.ts";
import { CLUSTER, config, link, LOOPBACK, MAC, routesOver } from "./configs.ts";

const ETH0 = link("eth0", ["192.0.2.2/24"]);

function attached(configuration: Config, links: readonly Link[]): Attachment {
  return attach(configuration, links, routesOver(links, configuration));
}

function refusal(configuration: Config, links: readonly Link[]): { code: number; text: string } {
  try {
    attached(configuration, links);
  } catch (error) {
    assert(error instanceof OperatorError);
    return { code: error.exitCode, text: `${error.message}\n${error.remedy}` };
  }
  throw new Error("It was accepted");
}

Deno.test("attach() finds the interface whose subnet holds the VIPs", () => {
  const found = attached(config(), [LOOPBACK, link("eth1", ["10.0.0.1/8"]), ETH0]);
  assert.deepEqual([found.name, found.mac], ["eth0", MAC]);
});

Deno.test("attach() takes the configured interface even if the VIPs are in no subnet of it", () => {
  const routed = config(`director: { interface: eth0 }${CLUSTER.replaceAll("192.0.2.1", "203.0.113.1")}`);
  assert.equal(attached(routed, [LOOPBACK, ETH0]).name, "eth0");
});

Deno.test("attach() accepts a VIP that is a further address of the interface", () => {
  for (const vip of ["192.0.2.10/32", "192.0.2.10/24"]) {
    assert.equal(attached(config(), [link("eth0", ["192.0.2.2/24", vip])]).name, "eth0");
  }
});

Deno.test("attach() refuses a VIP as the address that real servers are reached from", () => {
  const { code, text } = refusal(config(), [link("eth0", ["192.0.2.10/24", "192.0.2.2/24"])]);
  assert.equal(code, 78);
  assert.match(
    text,
    /Real server 192\.0\.2\.21 of service "web" is reached from 192\.0\.2\.10, which is a VIP/,
  );
});

Deno.test("attach() refuses VIPs in the subnets of two interfaces", () => {
  const { code, text } = refusal(config(CLUSTER.replace("192.0.2.11", "10.0.0.9")), [
    ETH0,
    link("eth1", ["10.0.0.1/8"]),
  ]);
  assert.equal(code, 78);
  assert.match(text, /several interfaces \(eth0, eth1\)/);
});

Deno.test("attach() refuses a VIP outside every subnet and names the subnets there are", () => {
  const { code, text } = refusal(config(), [LOOPBACK, link("eth1", ["10.0.0.1/8"])]);
  assert.equal(code, 78);
  assert.match(text, /VIP 192\.0\.2\.10 is in no subnet of this host: eth1 10\.0\.0\.1\/8/);
});

Deno.test("attach() refuses an interface that is missing, down or without a MAC", () => {
  const named = config(`director: { interface: eth0 }${CLUSTER}`);
  const cases: readonly (readonly [Link[], number, RegExp])[] = [
    [[LOOPBACK], 69, /no interface "eth0"\n.*this host has lo/],
    [[link("eth0", ["192.0.2.2/24"], { isUp: false })], 69, /"eth0" is down\nip link set eth0 up/],
    [[link("eth0", ["192.0.2.2/24"], { mac: null })], 78, /"eth0" is no Ethernet interface/],
  ];
  for (const [links, code, message] of cases) {
    const refused = refusal(named, links);
    assert.equal(refused.code, code);
    assert.match(refused.text, message);
  }
});

Deno.test("attach() refuses real servers that are elsewhere, or the director itself", () => {
  const distant = refusal(config(CLUSTER.replace("192.0.2.22", "203.0.113.22")), [ETH0]);
  assert.match(
    distant.text,
    /Real server 203\.0\.113\.22 .* is on no link of this host \(eth0 192\.0\.2\.2\/24\)/,
  );
  const own = refusal(config(CLUSTER.replace("192.0.2.22", "192.0.2.2")), [ETH0]);
  assert.match(own.text, /Real server 192\.0\.2\.2 of service "web" is this host itself/);
  assert.deepEqual([distant.code, own.code], [78, 78]);
});

const CLUSTER6 = CLUSTER.replaceAll("192.0.2.", "2001:db8::").replace("netmask: 24", "netmask: 64");
const BOTH = link("eth0", ["192.0.2.2/24", "2001:db8::2/64", "fe80::2/64"]);

Deno.test("attach() finds the interface of IPv6 VIPs, and of both families at once", () => {
  const both = config(CLUSTER + CLUSTER6.replace("services:\n", "").replaceAll(/name: (\w+)/g, "name: $16"));
  for (const configuration of [config(CLUSTER6), both]) {
    const found = attached(configuration, [LOOPBACK, link("eth1", ["2001:db8:1::1/64"]), BOTH]);
    assert.equal(found.name, "eth0");
    assert.equal(found.uplinks.get("2001:db8::22")?.name, "eth0");
  }
});

Deno.test("attach() takes an IPv6 VIP outside every subnet only on a named interface", () => {
  const routed = CLUSTER6.replaceAll("vip: 2001:db8::1", "vip: 2001:db8:f::1");
  const { text } = refusal(config(routed), [LOOPBACK, BOTH]);
  assert.match(
    text,
    /VIP 2001:db8:f::10 is in no subnet of this host: eth0 192\.0\.2\.2\/24, eth0 2001:db8::2\/64\n/,
  );
  assert.equal(attached(config(`director: { interface: eth0 }${routed}`), [BOTH]).name, "eth0");
});

Deno.test("attach() refuses a real server behind a router, or known by a link-local address", () => {
  const links = [BOTH];
  const configuration = config(CLUSTER6);
  const routes = routesOver(links, configuration);
  routes.set("2001:db8::22", { ...routes.get("2001:db8::22")!, isOnLink: false });
  assert.throws(
    () => attach(configuration, links, routes),
    /Real server 2001:db8::22 of service "web" is on no link of this host \(eth0 192\.0\.2\.2\/24, eth0 2001:/,
  );
  const linkLocal = {
    ...configuration,
    services: configuration.services.map((service) => ({
      ...service,
      servers: service.servers.map((server) => ({ ...server, address: "fe80::21" })),
    })),
  };
  assert.match(refusal(linkLocal, links).text, /fe80::21 of service "web" is a link-local address/);
});

Deno.test("attach() asks nothing of the host about a real server in a VLAN, but that it is not the host", () => {
  const tagged = (address: string): Config => {
    const [service] = config().services;
    const servers = [{ ...service!.servers[0]!, address, vlan: 7 }];
    return { ...config(), services: [{ ...service!, servers }] };
  };
  const found = attach(tagged("203.0.113.21"), [ETH0], new Map());
  assert.equal(found.uplinks.get("203.0.113.21")?.name, "eth0");
  assert.equal(egressOf(found, { address: "203.0.113.21" }), 0);
  assert.match(refusal(tagged("192.0.2.2"), [ETH0]).text, /is this host itself/);
});

const ETH1 = link("eth1", ["10.0.0.2/24"], { index: 3, mac: "02:00:00:00:01:02", mtu: 1400 });
const SPREAD = config(CLUSTER.replace("192.0.2.22", "10.0.0.22").replace("192.0.2.23", "10.0.0.23"));

Deno.test("attach() finds the interface of each real server by the kernel's route to it", () => {
  const found = attached(SPREAD, [LOOPBACK, ETH1, ETH0]);
  assert.deepEqual([found.name, found.interfaces.map(({ name }) => name)], ["eth0", ["eth0", "eth1"]]);
  const servers = SPREAD.services.flatMap((service) => service.servers);
  assert.deepEqual(servers.map((server) => egressOf(found, server)), [0, 1, 1, 0]);
  assert.deepEqual(attached(config(), [LOOPBACK, ETH1, ETH0]).interfaces.map(({ name }) => name), ["eth0"]);
});

Deno.test("attach() refuses a real server behind an interface that is down or no Ethernet", () => {
  for (
    const [change, message] of [
      [{ isUp: false }, /"eth1" is down\nip link set eth1 up/],
      [{ mac: null }, /"eth1" is no Ethernet interface\nDirect routing needs an Ethernet link/],
    ] as const
  ) assert.match(refusal(SPREAD, [{ ...ETH1, ...change }, ETH0]).text, message);
});

Deno.test("attach() finds no interface by VIPs that are in VLANs", () => {
  const all = { ...config(), services: config().services.map((service) => ({ ...service, vlan: 7 })) };
  assert.match(refusal(all, [ETH0]).text, /All VIPs are in VLANs.*\nSet director\.interface/);
  const named = { ...all, director: { ...all.director, interface: "eth0" } };
  assert.equal(attached(named, [ETH0]).name, "eth0");
});
