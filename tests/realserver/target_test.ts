import assert from "node:assert/strict";
import type { Config, VirtualService } from "../../model/config.ts";
import {
  locateTargets,
  virtualAddressesFromArguments,
  virtualAddressesFromConfig,
} from "../../realserver/target.ts";
import { link, REAL_SERVER_ADDRESS, VIP } from "./host_states.ts";

const LINKS = [
  link("lo", "127.0.0.1/8"),
  link("eth0", `${REAL_SERVER_ADDRESS}/24`),
  link("mgmt0", "198.51.100.1/24"),
];
const NO_DEVICES = { wanted: null, ofDefaultRoute: null };

function config(...services: { vip: string; protocol?: "udp"; port: number; servers: string[] }[]): Config {
  return {
    services: services.map(({ vip, protocol = "tcp", port, servers }) => ({
      vip,
      protocol,
      ports: [{ first: port, last: port }],
      servers: servers.map((address) => ({ address, weight: 1, maxConnections: 0, minConnections: 0 })),
    } as Partial<VirtualService> as VirtualService)),
    realserver: { method: "auto" },
  } as Partial<Config> as Config;
}

Deno.test("a VIP may be written with /32 and any other prefix is refused with the reason", () => {
  assert.deepEqual(virtualAddressesFromArguments([VIP, `${VIP}/32`], [], "tcp").map(({ vip }) => vip), [VIP]);
  assert.throws(() => virtualAddressesFromArguments(["192.0.2.10/24"], [], "tcp"), {
    exitCode: 64,
    message: /would answer ARP for all of 192\.0\.2\.0\/24/,
  });
});

Deno.test("an IPv6 VIP is refused as not supported by this version", () => {
  for (const vip of ["2001:db8::10", "2001:db8::10/128"]) {
    assert.throws(() => virtualAddressesFromArguments([vip], [], "tcp"), /not supported by this version/);
  }
});

Deno.test("what is no unicast IPv4 address is refused", () => {
  const wrong = [
    "",
    "web",
    "192.0.2",
    "192.0.2.256",
    "010.0.0.1",
    "127.0.0.1",
    "0.0.0.0",
    "224.0.0.18",
    "255.255.255.255",
  ];
  for (const vip of [...wrong, `${VIP}/`, `${VIP}/33`, `${VIP}/032`, `${VIP}/x`]) {
    assert.throws(() => virtualAddressesFromArguments([vip], [], "tcp"), { exitCode: 64 }, vip);
  }
});

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
      { protocol: "tcp", ports: [{ first: 80, last: 80 }] },
      { protocol: "udp", ports: [{ first: 53, last: 53 }] },
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
  ) => locateTargets([address!], LINKS, { wanted, ofDefaultRoute })[0]!.device;
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
