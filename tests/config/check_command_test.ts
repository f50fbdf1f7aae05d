import assert from "node:assert/strict";
import { runCheck } from "../../config/check_command.ts";
import { OperatorError } from "../../model/operator_error.ts";

const GOOD = `director: { hash_key: "00112233445566778899aabbccddeeff" }
status: { token: 0123456789abcdef }
services:
- name: web
  vip: 192.0.2.10
  ports: [80, "8000-8010"]
  scheduler: mh
  scheduler_options: [mh-port]
  health: { type: http, path: /up }
  servers:
  - { address: 192.0.2.9, weight: 0 }
  - { address: 192.0.2.21, max_connections: 100 }
- { name: dns, vip: 192.0.2.10, port: 53, protocol: udp, servers: [{ address: 192.0.2.21 }] }
`;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly file: string;
}

async function check(text: string, json: boolean): Promise<Outcome> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  let out = "";
  let err = "";
  try {
    await Deno.writeTextFile(file, text);
    const code = await runCheck(file, { json }, {
      write: (text) => out += text,
      writeError: (text) => err += text,
    });
    return { code, out, err, file };
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("runCheck() summarises a valid configuration", async () => {
  const { code, out, err, file } = await check(GOOD, false);
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.equal(
    out,
    `${file}: valid, 2 virtual services

web: tcp 192.0.2.10 port 80,8000-8010, scheduler mh mh-port, check http :80/up every 2 s
  192.0.2.9   weight 0 (quiesced)
  192.0.2.21  weight 1, full at 100 connections, used again below 75

dns: udp 192.0.2.10 port 53, scheduler wlc, no health check
  192.0.2.21  weight 1
`,
  );
});

Deno.test("runCheck() tells IPv6 addresses and ports, VLANs, limits and proofs apart", async () => {
  const text = `services:
- vip: 2001:DB8::10
  ports: [80, 443]
  vlan: 10
  allow: [2001:db8:1::/48, 2001:db8:2::/48]
  deny: [2001:db8:1::7]
  new_connections_per_source: 100
  health: { type: dr, port: 443, interval: 500ms, timeout: 100ms }
  servers: [{ address: 2001:db8::21 }, { address: 2001:db8::9, vlan: none }]
- { vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21, vlan: 7, port: 8080 }] }
realserver: { method: redirect, status: { port: 8481, token: fedcba9876543210 } }
`;
  const { out, file } = await check(text, false);
  assert.equal(
    out,
    `${file}: valid, 2 virtual services

[2001:db8::10]:80: tcp 2001:db8::10 port 80,443 in VLAN 10, scheduler wlc, check dr :443 every 0.5 s, ` +
      `clients of 2 networks only, clients of 1 network refused, 100 new connections/s per source
  2001:db8::21  weight 1
  2001:db8::9   weight 1, untagged

192.0.2.10:80: tcp 192.0.2.10 port 80, scheduler wlc, check tcp :80 every 2 s
  192.0.2.21  weight 1, port 8080, in VLAN 7
`,
  );
  assert.doesNotMatch((await check(text, true)).out, /fedcba9876543210/);
});

Deno.test("runCheck() prints every problem to standard error and exits with 78", async () => {
  const { code, out, err, file } = await check("services: []\nx: 1\n", false);
  assert.equal(out, "");
  assert.equal(code, 78);
  assert.match(err, new RegExp(`^${file}:1:11: services: Expected at least one entry`));
  assert.match(err, new RegExp(`\n${file}:2:1: x: Unknown key "x"`));
  assert.match(err, new RegExp(`\n${file}: 2 problems\n$`));
});

Deno.test("runCheck() prints JSON with secrets masked", async () => {
  const { code, out } = await check(GOOD, true);
  const { ok, config } = JSON.parse(out);
  assert.equal(code, 0);
  assert.equal(ok, true);
  assert.equal(config.services[0].servers[1].minConnections, 75);
  assert.doesNotMatch(out, /0123456789abcdef|00112233/);
});

Deno.test("runCheck() prints problems as JSON", async () => {
  const { code, out, err, file } = await check("services: []\n", true);
  assert.equal(err, "");
  assert.equal(code, 78);
  assert.deepEqual(JSON.parse(out), {
    ok: false,
    errors: [{
      code: "wrong_value",
      path: "services",
      file,
      line: 1,
      column: 11,
      message: "Expected at least one entry, found an empty list: write " +
        "[{ vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }] }]",
    }],
  });
});

Deno.test("runCheck() reports a missing file, as JSON too", async () => {
  let out = "";
  const output = {
    write: (text: string) => out += text,
    writeError: () => assert.fail("nothing belongs there"),
  };
  await assert.rejects(
    runCheck("/no/such.yaml", { json: false }, output),
    (error) => error instanceof OperatorError && error.exitCode === 78,
  );
  assert.equal(await runCheck("/no/such.yaml", { json: true }, output), 78);
  assert.deepEqual(JSON.parse(out).errors.map(({ code }: { code: string }) => code), ["unreadable"]);
});
