import assert from "node:assert/strict";
import type { Config, VirtualService } from "../../model/config.ts";
import { virtualAddressesFromArguments } from "../../realserver/arguments.ts";
import { followTargets, locateTargets, virtualAddressesFromConfig } from "../../realserver/target.ts";
import { link, REAL_SERVER_ADDRESS, target, VIP } from "./host_states.ts";

const LINKS = [
  link("lo", "127.0.0.1/8"),
  link("eth0", `${REAL_SERVER_ADDRESS}/24`),
  link("mgmt0", "198.51.100.1/24"),
];
const NO_DEVICES = { wanted: null, ofDefaultRoute: () => null };

function config(...services: { vip: string; protocol?: "udp"; port: number; servers: string[] }[]): Config {
  return {
    services: services.map(({ vip, protocol = "tcp", port, servers }) => ({
      vip,
      protocol,
      ports: [{ first: port, last: port }],
      servers: servers.map((address) => ({
        address,
        vlan: null,
        port: null,
        weight: 1,
        maxConnections: 0,
        minConnections: 0,
      })),
    } as Partial<VirtualService> as VirtualService)),
    realserver: { method: "auto", status: null },
  } as Partial<Config> as Config;
}

Deno.test("the host finds itself among the servers, every service of a VIP together", () => {
  const addresses = virtualAddressesFromConfig(
    config(
      { vip: VIP, port: 80, servers: ["192.0.2.22", REAL_SERVER_ADDRESS] },
      { vip: "192.0.2.11", port: 80, servers: ["192.0.2.22"] },
      { vip: VIP, protocol: "udp", port: 53, servers: [REAL_SERVER_ADDRESS] },
    ),
    LINKS,
  );
  assert.deepEqual(addresses, [{
    vip: VIP,
    realServerAddress: REAL_SERVER_ADDRESS,
    bindings: [
      { protocol: "tcp", ports: [{ first: 80, last: 80 }], localPort: null },
      { protocol: "udp", ports: [{ first: 53, last: 53 }], localPort: null },
    ],
  }]);
});

Deno.test("a host that is no server is told its addresses and the servers'", () => {
  const other = config({ vip: VIP, port: 80, servers: ["192.0.2.22", "192.0.2.23"] });
  assert.throws(() => virtualAddressesFromConfig(other, LINKS), {
    exitCode: 78,
    message: /it has 192\.0\.2\.21, 198\.51\.100\.1, the configuration lists 192\.0\.2\.22, 192\.0\.2\.23/,
  });
});

Deno.test("a VIP's interface is the named one, else by server address, by subnet, by default route", () => {
  const [unknown] = virtualAddressesFromArguments([VIP], [], "tcp");
  const [remote] = virtualAddressesFromArguments(["203.0.113.1"], [], "tcp");
  const byAddress = { ...remote!, realServerAddress: "198.51.100.1" };
  const device = (
    address: typeof byAddress | typeof unknown,
    wanted: string | null,
    ofDefaultRoute: string | null,
  ) => locateTargets([address!], LINKS, { wanted, ofDefaultRoute: () => ofDefaultRoute })[0]!.device;
  assert.equal(device(unknown, "mgmt0", null), "mgmt0");
  assert.equal(device(byAddress, null, "eth0"), "mgmt0");
  assert.equal(device(unknown, null, "mgmt0"), "eth0");
  assert.equal(device(remote, null, "mgmt0"), "mgmt0");
  assert.throws(() => device(remote, null, null), {
    exitCode: 69,
    message: /Cannot tell on which interface/,
  });
});

Deno.test("an interface that does not exist exits 69 and names those that do; lo is refused", () => {
  const addresses = virtualAddressesFromArguments([VIP], [], "tcp");
  const locate = (wanted: string) => () => locateTargets(addresses, LINKS, { ...NO_DEVICES, wanted });
  assert.throws(locate("eth7"), { exitCode: 69, message: /"eth7" does not exist/, remedy: /eth0, mgmt0/ });
  assert.throws(locate("lo"), { exitCode: 69, message: /no VIP traffic arrives on loopback/ });
});

Deno.test("a VIP is never taken for the host's own address", () => {
  const links = [link("lo"), link("eth0", `${VIP}/32`, "192.0.2.11/32", `${REAL_SERVER_ADDRESS}/24`)];
  const targets = locateTargets(
    virtualAddressesFromArguments([VIP, "192.0.2.11"], [], "tcp"),
    links,
    NO_DEVICES,
  );
  assert.deepEqual(targets.map(({ realServerAddress }) => realServerAddress), [
    REAL_SERVER_ADDRESS,
    REAL_SERVER_ADDRESS,
  ]);
});

Deno.test("an IPv6 VIP is on the interface of its subnet, of the default route, or the only one there is", () => {
  const [address] = virtualAddressesFromArguments(["2001:db8::10"], [], "tcp");
  const [lo, eth0, mgmt0] = [
    link("lo", "::1/128"),
    link("eth0", "192.0.2.21/24"),
    link("mgmt0", "fe80::2/64", "2001:db8::21/64"),
  ];
  const locate = (links: typeof LINKS, ofDefaultRoute: string | null) => {
    const [found] = locateTargets([address!], links, {
      wanted: null,
      ofDefaultRoute: (version) => version === 6 ? ofDefaultRoute : "eth0",
    });
    return [found!.device, found!.realServerAddress];
  };
  assert.deepEqual(locate([lo, eth0, mgmt0], null), ["mgmt0", "2001:db8::21"]);
  assert.deepEqual(locate([lo, eth0, link("wan0", "fe80::3/64")], "wan0"), ["wan0", "fe80::3"]);
  assert.deepEqual(locate([lo, eth0], null), ["eth0", null]);
  assert.throws(() => locate([lo, eth0, link("wan0")], null), /Cannot tell on which interface/);
});

Deno.test("a server's own port is this host's only", () => {
  const base = config({ vip: VIP, port: 80, servers: ["192.0.2.22", REAL_SERVER_ADDRESS] });
  const [service] = base.services;
  const servers = service!.servers.map((server, i) => ({ ...server, port: 8080 + i }));
  const [address] = virtualAddressesFromConfig({ ...base, services: [{ ...service!, servers }] }, LINKS);
  assert.equal(address!.bindings[0]!.localPort, 8081);
});

Deno.test("targets follow their interface when it is renamed, and when it is taken out and put back", () => {
  const targets = [{ ...target(), device: "eth0", deviceIndex: 2 }];
  const device = (...links: typeof LINKS) => followTargets(targets, links)[0]!.device;
  assert.equal(device(link("lo"), link("eth0")), "eth0");
  assert.equal(device(link("lo"), link("lan0")), "lan0");
  assert.equal(device(link("lo"), { ...link("eth0"), index: 7 }), "eth0");
  assert.equal(device(link("lo")), "eth0");
  assert.equal(device(link("lo"), { ...link("eth0"), index: 3 }, link("eth1")), "eth1", "names were swapped");
});
