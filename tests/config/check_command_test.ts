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
      message: "Expected at least one entry, found an empty list",
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
