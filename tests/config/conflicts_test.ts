/**
 * Keys that are right alone and wrong together: families, VLANs, clients, checks, and the two roles.
 *
 * @module
 */

import assert from "node:assert/strict";
import { checkCluster, MOST_NAMED } from "../../config/cluster_checks.ts";
import type { Path } from "../../config/yaml_source.ts";
import { IdentityRegistry } from "../../datapath/identity_registry.ts";
import { headings, type ProblemCase, SERVERS, WEB } from "./headings.ts";

const SERVERS6 = "  servers: [{ address: 2001:db8::21 }]\n";
/** An IPv6 service that is right; what cases append to it begins in line 5. */
const WEB6 = `services:\n- vip: 2001:db8::10\n  port: 80\n${SERVERS6}`;

const CASES: readonly ProblemCase[] = [
  {
    what: "netmasks of the other family",
    text: `${WEB}  persistence: { netmask: 255.0.255.0 }\n` +
      `- { vip: 192.0.2.11, port: 80, persistence: { netmask: 33 }, servers: [{ address: 192.0.2.21 }] }\n` +
      `- { vip: 192.0.2.12, port: 80, persistence: { netmask: "64" }, servers: [{ address: 192.0.2.21 }] }\n` +
      `- { vip: 2001:db8::11, port: 80, persistence: { netmask: 255.255.0.0 }, servers: [{ address: 2001:db8::21 }] }\n` +
      `- { vip: 2001:db8::12, port: 80, persistence: { netmask: 129 }, servers: [{ address: 2001:db8::21 }] }\n`,
    problems: [
      '5:27: services[0].persistence.netmask: Cannot read netmask "255.0.255.0": write a prefix length, 1 to 32 for IPv4 ' +
      "and 1 to 128 for IPv6, or a mask such as 255.255.255.0",
      "6:56: services[1].persistence.netmask: Cannot use netmask 33 for VIP 192.0.2.11: IPv4 has prefix lengths from 1 to 32, " +
      "write one of them",
      "7:56: services[2].persistence.netmask: Cannot use netmask 64 for VIP 192.0.2.12: IPv4 has prefix lengths from 1 to 32, " +
      "write one of them",
      "8:58: services[3].persistence.netmask: Cannot use netmask 255.255.0.0 for VIP 2001:db8::11: IPv6 has prefix lengths " +
      "from 1 to 128, write one of them",
      "9:58: services[4].persistence.netmask: Expected a whole number from 1 to 128, found 129: write 128 or less",
    ],
  },
  {
    what: "real servers of the other family",
    text: "services:\n- { vip: 2001:DB8::10, port: 80, servers: [{ address: 192.0.2.21 }] }\n" +
      "- { vip: 192.0.2.10, port: 80, servers: [{ address: 2001:DB8::21 }] }\n",
    problems: [
      "2:55: services[0].servers[0].address: Cannot use 192.0.2.21 as a real server of VIP 2001:db8::10: one is IPv4, " +
      "the other IPv6, use the server's IPv6 address",
      "3:53: services[1].servers[0].address: Cannot use 2001:db8::21 as a real server of VIP 192.0.2.10: one is IPv6, " +
      "the other IPv4, use the server's IPv4 address",
    ],
  },
  {
    what: "one address in several spellings",
    text: `${WEB6}- vip: 2001:DB8:0:0:0:0:0:10/128\n  ports: ["70-90"]\n` +
      "  servers: [{ address: 2001:db8::21 }, { address: 2001:0db8::0021 }, { address: 2001:db8::0:10 }]\n",
    problems: [
      "6:11: services[1].ports[0]: Cannot serve port 70-90 of 2001:db8::10/tcp: the service in line 2 has 80, remove one of them",
      "7:51: services[1].servers[1].address: Cannot list real server 2001:db8::21 twice: it is servers[0] already, remove one of them",
      "7:81: services[1].servers[2].address: Cannot use 2001:db8::10 as a real server: it is the VIP of the service in line 2, " +
      "use the host's own address",
    ],
  },
  {
    what: "VLANs that do not exist or contradict each other",
    text:
      `${WEB}  vlan: 4095\n- { vip: 192.0.2.11, port: 80, vlan: 10, servers: [{ address: 192.0.2.22 }] }\n` +
      "- { vip: 192.0.2.11, port: 81, servers: [{ address: 192.0.2.22, vlan: 10 }] }\n" +
      "- { vip: 192.0.2.12, port: 80, vlan: 10, servers: [{ address: 192.0.2.22, vlan: none }] }\n" +
      "- { vip: 192.0.2.13, port: 80, vlan: none, servers: [{ address: 192.0.2.22, vlan: 20 }, { address: 192.0.2.24, vlan: 0 }] }\n",
    problems: [
      "5:9: services[0].vlan: Expected a whole number from 1 to 4094, found 4095: write 4094 or less",
      "7:10: services[2].vip: Cannot have 192.0.2.11 untagged: the service in line 6 has it in VLAN 10, write the same VLAN in both",
      "8:81: services[3].servers[0].vlan: Cannot have 192.0.2.22 untagged: the service in line 6 has it in VLAN 10, " +
      "write the same VLAN in both",
      '9:38: services[4].vlan: Expected a whole number from 1 to 4094, found text "none": remove the key, without it the VIP is untagged',
      "9:83: services[4].servers[0].vlan: Cannot have 192.0.2.22 in VLAN 20: the service in line 6 has it in VLAN 10, " +
      "write the same VLAN in both",
      "9:118: services[4].servers[1].vlan: Expected a whole number from 1 to 4094, found 0: write 1 or more",
    ],
  },
  {
    what: "networks of clients",
    text:
      `${WEB}  allow: [198.51.100.7/24, 2001:db8::/32]\n  deny: [198.51.100.0/33, web, "::ffff:192.0.2.1"]\n` +
      "  new_connections_per_source: -1\n- { vip: 192.0.2.11, port: 80, allow: [], servers: [{ address: 192.0.2.21 }] }\n" +
      `- { vip: 192.0.2.12, port: 80, deny: [${
        Array(1_001).fill("10.0.0.0/8")
      }], servers: [{ address: 192.0.2.21 }] }\n`,
    problems: [
      '5:11: services[0].allow[0]: Cannot use network "198.51.100.7/24": its address has bits behind /24, ' +
      "write 198.51.100.0/24, or 198.51.100.7 for that one host",
      "5:28: services[0].allow[1]: Cannot use 2001:db8::/32 for VIP 192.0.2.10: its clients have IPv4 addresses, remove it",
      '6:10: services[0].deny[0]: Cannot read network "198.51.100.0/33": write one such as 198.51.100.0/24 or 2001:db8:1::/48, ' +
      "or the address of one host",
      '6:27: services[0].deny[1]: Cannot read network "web": write one such as 198.51.100.0/24 or 2001:db8:1::/48, ' +
      "or the address of one host",
      '6:32: services[0].deny[2]: Cannot use address "::ffff:192.0.2.1": it is an IPv4 address in IPv6 form, write 192.0.2.1',
      "7:31: services[0].new_connections_per_source: Expected a whole number from 0 to 1000000, found -1: write 0 or more",
      "8:39: services[1].allow: Expected at least one entry, found an empty list: remove the key, without it all clients may",
      "9:38: services[2].deny: Expected at most 1000 entries, found 1001: list 1000 or fewer",
    ],
  },
  {
    what: "proofs where there is nothing to prove",
    text: `${WEB}  health: { type: dr, port: 443 }\n` +
      "- { vip: 192.0.2.11, port: 53, protocol: udp, health: { type: dr }, servers: [{ address: 192.0.2.21 }] }\n" +
      "- { vip: 192.0.2.12, ports: any, health: { type: dr }, servers: [{ address: 192.0.2.21 }] }\n" +
      '- { vip: 192.0.2.13, ports: [80, "90-99"], health: { type: dr, port: 100, path: / }, servers: [{ address: 192.0.2.21 }] }\n',
    problems: [
      "5:29: services[0].health.port: Cannot check port 443 with type dr: the service has 80, and nothing else of the VIP " +
      "is sent to its servers, use one of them",
      "6:63: services[1].health.type: Cannot check a UDP service with type dr: the proof is a TCP connection to the VIP, " +
      "use tcp, http or health: none",
      "7:42: services[2].health: Cannot check ports: any without a port: add port to health",
      "8:70: services[3].health.port: Cannot check port 100 with type dr: the service has 80,90-99, and nothing else of the " +
      "VIP is sent to its servers, use one of them",
      '8:75: services[3].health.path: Unknown key "path" with type dr: remove it, known keys here are type, port, interval, timeout, rise, fall',
    ],
  },
  {
    what: "port beside ports, also where one of them is wrong alone",
    text: WEB.replace("port: 80", "port: 0\n  ports: [80, 443]"),
    problems: [
      "3:9: services[0].port: Expected a whole number from 1 to 65535, found 0: write 1 or more",
      "3:9: services[0].port: Cannot use port and ports together: remove one of them",
    ],
  },
  {
    what: "workers and CPUs that do not go together",
    text: `${WEB}director: { workers: 65, cpus: [0, 0, 1024] }\n`,
    problems: [
      "5:22: director.workers: Expected a whole number from 1 to 64, found 65: write 64 or less",
      "5:36: director.cpus[1]: Cannot bind two workers to CPU 0: list another one",
      "5:39: director.cpus[2]: Expected a whole number from 0 to 1023, found 1024: write 1023 or less",
    ],
  },
  {
    what: "fewer CPUs than workers",
    text: `${WEB}director: { workers: 2, cpus: [3] }\n`,
    problems: [
      "5:31: director.cpus: Cannot bind 2 workers to 1 CPU: list as many CPUs as there are workers, or remove cpus",
    ],
  },
  {
    what: "more CPUs than the one worker there is by default, and words of no meaning",
    text: `${WEB}director: { cpus: [3, 4], offloads: off, quarantine: sometimes }\n`,
    problems: [
      "5:19: director.cpus: Cannot bind 1 worker to 2 CPUs: list as many CPUs as there are workers, or remove cpus",
      '5:37: director.offloads: Expected handle or disable, found text "off": write one of them',
      '5:54: director.quarantine: Expected true or false, found text "sometimes": write one of them',
    ],
  },
  {
    what: "an address to probe from that somebody has",
    text: `${WEB}director: { probe_address: 192.0.2.21 }\n`,
    problems: [
      "5:28: director.probe_address: Cannot probe from 192.0.2.21: the service in line 2 uses it, " +
      "use an address that nobody has",
    ],
  },
  {
    what: "an IPv6 address to probe from that somebody has in another spelling",
    text: `${WEB6}director: { probe_address: "2001:DB8:0::10" }\n`,
    problems: [
      "5:28: director.probe_address: Cannot probe from 2001:db8::10: the service in line 2 uses it, " +
      "use an address that nobody has",
    ],
  },
  {
    what: "an IPv6 page for everybody without a token",
    text: `${WEB}status: { listen: "[::]:8480" }\n`,
    problems: [
      "5:19: status.listen: Cannot serve [::]:8480 without a token: add token, for example from: openssl rand -hex 16",
    ],
  },
  {
    what: "a server's own port where it cannot be",
    text:
      "services:\n- vip: 192.0.2.10\n  ports: [80, 443]\n  servers: [{ address: 192.0.2.21, port: 8080 }]\n" +
      "- vip: 192.0.2.11\n  port: 80\n  servers: [{ address: 192.0.2.21, port: 80 }, { address: 192.0.2.22, port: 8080 }]\n" +
      "realserver: { method: nft }\n",
    problems: [
      "4:42: services[0].servers[0].port: Cannot hand several ports to port 8080: remove it or give the service one port",
      "7:77: services[1].servers[1].port: Cannot use port 8080 for a service of port 80 with realserver.method nft: " +
      "direct routing keeps ports, remove it or use realserver: { method: redirect }",
    ],
  },
  {
    what: "a method that is for IPv4 only",
    text: `${WEB6}realserver: { method: arptables }\n`,
    problems: [
      "5:23: realserver.method: Cannot use method arptables for the VIP 2001:db8::10 in line 2: it filters ARP, which IPv6 " +
      "has not, use auto, loopback, nft, redirect or route",
    ],
  },
  {
    what: "a status of real servers on a port that is taken, with a short token",
    text: `services:\n- vip: 192.0.2.10\n  ports: [80, "8000-8500"]\n${SERVERS}` +
      "realserver: { status: { port: 8480, token: short } }\n",
    problems: [
      "5:31: realserver.status.port: Cannot serve the real servers' status on port 8480: the service in line 2 uses it, " +
      "choose another one",
      "5:44: realserver.status.token: Cannot use a secret of 5 characters: write 16 to 256 of A-Z a-z 0-9 . _ ~ + / -, for example from: openssl rand -hex 16",
    ],
  },
  {
    what: "a status of real servers on the port that redirected traffic goes to, and without a token",
    text: "services:\n- { vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21, port: 8080 }] }\n" +
      "realserver: { method: redirect, status: { port: 8080 } }\n",
    problems: [
      "3:41: realserver.status.token: Cannot do without this key: add token: with the output of: openssl rand -hex 16",
      "3:49: realserver.status.port: Cannot serve the real servers' status on port 8080: the service in line 2 uses it, " +
      "choose another one",
    ],
  },
  {
    what: "a status of real servers among all ports, which are redirected",
    text: `services:\n- vip: 192.0.2.10\n  ports: any\n  health: none\n${SERVERS}` +
      "realserver: { method: redirect, status: { port: 8481, token: 0123456789abcdef } }\n",
    problems: [
      "6:49: realserver.status.port: Cannot serve the real servers' status on port 8481: the service in line 2 uses it, " +
      "name the ports it needs",
    ],
  },
];

for (const { what, text, problems } of CASES) {
  Deno.test(`parseConfig() reports ${what} at its exact place`, () => {
    assert.deepEqual(headings(text), problems.map((problem) => `c.yaml:${problem}`));
  });
}

Deno.test("parseConfig() lets real servers tell about themselves on a port of UDP, and beside ports: any", () => {
  const status = "realserver: { status: { port: 53, token: 0123456789abcdef } }\n";
  const udp = `services:\n- vip: 192.0.2.10\n  port: 53\n  protocol: udp\n${SERVERS}`;
  assert.deepEqual(headings(udp + status), []);
  const any = `services:\n- vip: 192.0.2.10\n  ports: any\n  health: none\n${SERVERS}`;
  assert.deepEqual(headings(any + status), []);
});

Deno.test("checkCluster() refuses more services, VIPs and servers than a director can tell apart twice over", () => {
  const problemsOf = (count: number) => {
    const servers = Array.from(
      { length: count },
      (_, index) => ({ address: `10.1.${index >>> 8}.${index & 255}` }),
    );
    const problems: string[] = [];
    const refuse = (path: Path, message: string) => problems.push(`${path.join(".")}: ${message}`);
    checkCluster({ services: [{ vip: "192.0.2.10", port: 80, servers }] }, () => 1, refuse);
    return problems;
  };
  // The service and its VIP are two more.
  assert.deepEqual(problemsOf(MOST_NAMED - 2), []);
  assert.deepEqual(problemsOf(MOST_NAMED - 1), [
    "services: Cannot have 8001 services, VIPs and real servers of services together: a director can tell 8000 apart, " +
    "use fewer or share them out among several directors",
  ]);
  assert.ok(2 * MOST_NAMED < IdentityRegistry.LIMIT, "one configuration, and the one before");
});
