import assert from "node:assert/strict";
import { parseConfig } from "../../config/parse_config.ts";
import { type Method, METHODS } from "../../model/config.ts";
import { assertNotBehindVip, statusTaskOf } from "../../realserver/status_task.ts";
import { link, target } from "./host_states.ts";

const CONFIG = `
services:
  - { vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }, { address: 192.0.2.22 }] }
  - { vip: 192.0.2.11, port: 80, servers: [{ address: 192.0.2.21 }] }
  - { vip: 2001:db8::10, port: 80, servers: [{ address: 2001:db8::21 }] }
`;
const STATUS = `realserver: { status: { port: 8481, token: a-long-enough-secret } }`;
const LINKS = [
  link("lo", "127.0.0.1/8", "192.0.2.10/32"),
  link("eth0", "192.0.2.21/24", "2001:db8::21/64", "fe80::1/64"),
  link("mgmt0", "198.51.100.1/24"),
];

Deno.test("the status port is on the addresses that are listed as a real server's, and on no VIP", () => {
  const task = statusTaskOf(parseConfig(CONFIG + STATUS, "cluster.yaml"), LINKS);
  assert.deepEqual(task, {
    config: { port: 8481, token: "a-long-enough-secret" },
    addresses: ["192.0.2.21", "2001:db8::21"],
  });
});

Deno.test("without realserver.status there is no status port", () => {
  assert.equal(statusTaskOf(parseConfig(CONFIG, "cluster.yaml"), LINKS), null);
});

Deno.test("a status port that redirect would open to the VIP's clients is refused", () => {
  const task = { config: { port: 8481, token: "a-long-enough-secret" }, addresses: [] };
  const bound =
    (method: Method, protocol: "tcp" | "udp", ports: [number, number], localPort: number | null) => () =>
      assertNotBehindVip(task, {
        choice: { method, reason: "" },
        targets: [
          target({ bindings: [{ protocol, ports: [{ first: ports[0], last: ports[1] }], localPort }] }),
        ],
      });
  for (
    const reaching of [bound("redirect", "tcp", [1, 65_535], null), bound("redirect", "tcp", [80, 80], 8481)]
  ) {
    assert.throws(reaching, { exitCode: 78, message: /reachable at the VIP 192\.0\.2\.10/ });
  }
  bound("redirect", "tcp", [80, 443], null)();
  bound("redirect", "tcp", [8481, 8481], 8080)();
  bound("redirect", "udp", [1, 65_535], null)();
  for (const method of METHODS.filter((method) => method !== "redirect")) {
    bound(method, "tcp", [1, 65_535], null)();
  }
});
