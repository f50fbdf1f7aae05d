import assert from "node:assert/strict";
import { loadConfig, parseConfig } from "../../config/parse_config.ts";
import type { Config, VirtualService } from "../../model/config.ts";
import { OperatorError } from "../../model/operator_error.ts";

const TIMEOUTS = { establishedMs: 900_000, finMs: 120_000, udpMs: 300_000 };

const FULL = `
director:
  interface: eth0            # where VIP traffic arrives
status:
  listen: 127.0.0.1:8480
timeouts: { established: 15m, fin: 2m, udp: 5m }
services:
  - name: web
    vip: 192.0.2.10
    protocol: tcp            # tcp | udp
    ports: [80, 443]         # or port: 80
    scheduler: wlc
    persistence: { timeout: 5m, netmask: 32 }
    health: { type: http, port: 80, path: /healthz, status: 200, interval: 2s, timeout: 1s, rise: 2, fall: 3 }
    servers:
      - { address: 192.0.2.21, weight: 3 }
      - { address: 192.0.2.22, max_connections: 1000, min_connections: 800 }
realserver:
  method: auto
`;

function service(lines: string): VirtualService {
  const text =
    `timeouts: { fin: 1m }\nservices:\n- vip: 192.0.2.10\n  servers: [{ address: 192.0.2.21 }]\n${lines}`;
  return parseConfig(text, "c.yaml").services[0]!;
}

Deno.test("parseConfig() understands the whole example", () => {
  const expected: Config = {
    director: {
      interface: "eth0",
      maxConnections: 1_000_000,
      hashKey: null,
      probeAddress: null,
      workers: 1,
      cpus: null,
      offloads: "handle",
      quarantine: false,
    },
    status: { listen: { host: "127.0.0.1", port: 8480 }, token: null },
    services: [{
      name: "web",
      vip: "192.0.2.10",
      vlan: null,
      protocol: "tcp",
      ports: [{ first: 80, last: 80 }, { first: 443, last: 443 }],
      scheduler: "wlc",
      schedulerOptions: [],
      persistence: { timeoutMs: 300_000, prefixLength: 32 },
      persistToQuiesced: false,
      onePacket: false,
      timeouts: TIMEOUTS,
      onServerLoss: "reset",
      unknown: "reset",
      slowStartMs: 0,
      allow: [],
      deny: [],
      newConnectionsPerSource: 0,
      health: {
        type: "http",
        port: 80,
        path: "/healthz",
        status: 200,
        intervalMs: 2_000,
        timeoutMs: 1_000,
        rise: 2,
        fall: 3,
      },
      servers: [
        { address: "192.0.2.21", vlan: null, port: null, weight: 3, maxConnections: 0, minConnections: 0 },
        {
          address: "192.0.2.22",
          vlan: null,
          port: null,
          weight: 1,
          maxConnections: 1_000,
          minConnections: 800,
        },
      ],
    }],
    realserver: { method: "auto", status: null },
  };
  assert.deepEqual(parseConfig(FULL, "c.yaml"), expected);
});

Deno.test("parseConfig() fills in the defaults of the smallest service", () => {
  assert.deepEqual(service("  port: 80\n"), {
    name: "192.0.2.10:80",
    vip: "192.0.2.10",
    vlan: null,
    protocol: "tcp",
    ports: [{ first: 80, last: 80 }],
    scheduler: "wlc",
    schedulerOptions: [],
    persistence: null,
    persistToQuiesced: false,
    onePacket: false,
    timeouts: { ...TIMEOUTS, finMs: 60_000 },
    onServerLoss: "reset",
    unknown: "reset",
    slowStartMs: 0,
    allow: [],
    deny: [],
    newConnectionsPerSource: 0,
    health: { type: "tcp", port: 80, intervalMs: 2_000, timeoutMs: 1_000, rise: 2, fall: 3 },
    servers: [{
      address: "192.0.2.21",
      vlan: null,
      port: null,
      weight: 1,
      maxConnections: 0,
      minConnections: 0,
    }],
  });
});

Deno.test("parseConfig() lets a service's timeouts go before the global ones", () => {
  const timeouts = service("  port: 80\n  timeouts: { established: 1h, udp: 30s }\n").timeouts;
  assert.deepEqual(timeouts, { establishedMs: 3_600_000, finMs: 60_000, udpMs: 30_000 });
});

Deno.test("parseConfig() sorts ports and checks the first in the file", () => {
  const { ports, health, name } = service('  ports: [443, "8000-8010", "53"]\n');
  assert.deepEqual(ports, [{ first: 53, last: 53 }, { first: 443, last: 443 }, { first: 8000, last: 8010 }]);
  assert.equal(health?.port, 443);
  assert.equal(name, "192.0.2.10:443");
});

Deno.test("parseConfig() keeps a server's own port only where it is another than the service's", () => {
  const text = `services:
- vip: 192.0.2.10
  port: 80
  servers: [{ address: 192.0.2.21, port: 8080 }, { address: 192.0.2.22, port: 80 }, { address: 192.0.2.23 }]
realserver: { method: redirect }
`;
  const { servers } = parseConfig(text, "c.yaml").services[0]!;
  assert.deepEqual(servers.map(({ port }) => port), [8080, null, null]);
});

Deno.test("parseConfig() gives UDP no health check unless asked, and a name of its own", () => {
  const dns = service("  port: 53\n  protocol: udp\n  one_packet: true\n");
  assert.equal(dns.health, null);
  assert.equal(dns.name, "192.0.2.10:53/udp");
  assert.equal(dns.onePacket, true);
  const checked = service("  port: 53\n  protocol: udp\n  health: { type: tcp }\n");
  assert.equal(checked.health?.port, 53);
});

Deno.test("parseConfig() accepts every port, with no health check or one with a port", () => {
  const any = service("  ports: any\n  health: none\n");
  assert.deepEqual(any.ports, [{ first: 1, last: 65_535 }]);
  assert.equal(any.health, null);
  assert.equal(any.name, "192.0.2.10:any");
  assert.equal(service("  ports: any\n  health: { type: tcp, port: 22 }\n").health?.port, 22);
});

Deno.test("parseConfig() schedules unknown packets with the hash schedulers only", () => {
  for (const scheduler of ["sh", "mh", "dh"]) {
    assert.equal(service(`  port: 80\n  scheduler: ${scheduler}\n`).unknown, "schedule");
  }
  assert.equal(service("  port: 80\n  scheduler: rr\n").unknown, "reset");
  assert.equal(service("  port: 80\n  scheduler: sh\n  unknown: drop\n").unknown, "drop");
});

Deno.test("parseConfig() reads persistence with a dotted netmask and quiesced servers kept", () => {
  const kept = service(
    "  port: 80\n  persistence: { netmask: 255.255.240.0, quiesced: keep, timeout: 1h }\n",
  );
  assert.deepEqual(kept.persistence, { timeoutMs: 3_600_000, prefixLength: 20 });
  assert.equal(kept.persistToQuiesced, true);
  assert.deepEqual(service("  port: 80\n  persistence: {}\n").persistence, {
    timeoutMs: 300_000,
    prefixLength: 32,
  });
});

Deno.test("parseConfig() uses a full server again below three quarters of its limit by default, which 0 stands for", () => {
  for (const least of ["", ", min_connections: 0"]) {
    const text = "services: [{ vip: 192.0.2.10/32, port: 80, " +
      `servers: [{ address: 192.0.2.21, max_connections: 10${least} }] }]`;
    const [web] = parseConfig(text, "c.yaml").services;
    assert.equal(web?.servers[0]?.minConnections, 8);
    assert.equal(web?.vip, "192.0.2.10");
  }
});

Deno.test("parseConfig() reads the page's address, or that there is none", () => {
  const status = (line: string) =>
    parseConfig(`${FULL.replace("  listen: 127.0.0.1:8480", `  ${line}`)}`, "c").status;
  assert.deepEqual(status("listen: off"), { listen: null, token: null });
  assert.deepEqual(status("{ listen: 0.0.0.0:80, token: 0123456789abcdef }"), {
    listen: { host: "0.0.0.0", port: 80 },
    token: "0123456789abcdef",
  });
  assert.deepEqual(
    parseConfig(`%YAML 1.1\n---\n${FULL}`.replace("127.0.0.1:8480", "off"), "c").status.listen,
    null,
  );
});

Deno.test("parseConfig() reads an IPv6 service in any spelling, with the defaults of its family", () => {
  const text = `director: { probe_address: "2001:DB8::0:99" }
status: { listen: "[0:0:0:0:0:0:0:1]:8480" }
services:
- { vip: 2001:DB8::000A, ports: [443, 80], persistence: {}, servers: [{ address: "2001:db8:0:0:0:0:0:21" }] }
- { vip: 2001:db8::a/128, port: 53, protocol: udp, persistence: { netmask: 64 }, servers: [{ address: 2001:db8::21 }] }
`;
  const { director, status, services: [web, dns] } = parseConfig(text, "c");
  assert.equal(director.probeAddress, "2001:db8::99");
  assert.deepEqual(status.listen, { host: "::1", port: 8480 });
  assert.equal(web?.vip, "2001:db8::a");
  assert.equal(web?.name, "[2001:db8::a]:443");
  assert.equal(web?.persistence?.prefixLength, 128);
  assert.deepEqual(web?.servers.map(({ address }) => address), ["2001:db8::21"]);
  assert.equal(dns?.name, "[2001:db8::a]:53/udp");
  assert.equal(dns?.persistence?.prefixLength, 64);
});

Deno.test("parseConfig() gives servers the VLAN of their service unless they have one or none", () => {
  const text = `services:
- vip: 192.0.2.10
  port: 80
  vlan: 10
  servers: [{ address: 192.0.2.21 }, { address: 192.0.2.22, vlan: 20 }, { address: 192.0.2.23, vlan: none }]
- { vip: 192.0.2.11, port: 80, servers: [{ address: 192.0.2.24 }, { address: 192.0.2.25, vlan: 20 }] }
`;
  const { services } = parseConfig(text, "c");
  assert.deepEqual(services.map(({ vlan }) => vlan), [10, null]);
  assert.deepEqual(services.map(({ servers }) => servers.map(({ vlan }) => vlan)), [[10, 20, null], [
    null,
    20,
  ]]);
});

Deno.test("parseConfig() reads which clients may come, how often, and how the whole path is proven", () => {
  const web = service(`  port: 80
  allow: [198.51.100.0/24, 203.0.113.7]
  deny: [198.51.100.64/26]
  new_connections_per_source: 50
  health: { type: dr, interval: 5s, fall: 1 }
`);
  assert.deepEqual(web.allow, [{ address: "198.51.100.0", length: 24 }, {
    address: "203.0.113.7",
    length: 32,
  }]);
  assert.deepEqual(web.deny, [{ address: "198.51.100.64", length: 26 }]);
  assert.equal(web.newConnectionsPerSource, 50);
  assert.deepEqual(web.health, {
    type: "dr",
    port: 80,
    intervalMs: 5_000,
    timeoutMs: 1_000,
    rise: 2,
    fall: 1,
  });
});

Deno.test("parseConfig() reads workers, their CPUs, offloads, quarantine and the real servers' status", () => {
  const text = FULL.replace(
    "  interface: eth0",
    "  workers: 2\n  cpus: [5, 0]\n  offloads: disable\n  quarantine: true",
  )
    .replace("method: auto", "status: { port: 8481, token: 0123456789abcdef }");
  const { director, realserver } = parseConfig(text, "c");
  assert.equal(director.workers, 2);
  assert.deepEqual(director.cpus, [5, 0]);
  assert.equal(director.offloads, "disable");
  assert.equal(director.quarantine, true);
  assert.deepEqual(realserver, { method: "auto", status: { port: 8481, token: "0123456789abcdef" } });
  const one = parseConfig(FULL.replace("interface: eth0", "cpus: [3]"), "c").director;
  assert.deepEqual([one.workers, one.cpus], [1, [3]]);
});

Deno.test("parseConfig() keeps the hash key in lower case", () => {
  const text = FULL.replace("interface: eth0", "hash_key: 00112233445566778899AABBCCDDEEFF");
  assert.equal(parseConfig(text, "c").director.hashKey, "00112233445566778899aabbccddeeff");
});

Deno.test("loadConfig() reads a file", async () => {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, FULL);
    assert.deepEqual(await loadConfig(file), parseConfig(FULL, file));
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("loadConfig() says why it cannot read", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const missing = loadConfig(`${directory}/no.yaml`);
    await assert.rejects(missing, (error) => error instanceof OperatorError && error.exitCode === 78);
    await assert.rejects(missing, /there is no such file$/);
    await assert.rejects(loadConfig(directory), { exitCode: 78, message: /it is a directory$/ });
  } finally {
    await Deno.remove(directory);
  }
});

Deno.test({
  name: "loadConfig() exits with 77 when it may not read",
  permissions: { read: false },
  async fn() {
    await assert.rejects(loadConfig("/etc/hostname"), { exitCode: 77, message: /permission denied$/ });
  },
});
