/**
 * Whatever is wrong, the message says what to write instead; and that is right.
 *
 * @module
 */

import assert from "node:assert/strict";
import { stringify } from "yaml";
import { type JsonSchema, jsonSchema } from "../../config/schema.ts";
import { spelledDuration } from "../../config/duration.ts";
import { headings, WEB } from "./headings.ts";

/** Lines of a service, and the cure at the end of the only message about them. */
const CURES: readonly (readonly [lines: string, cure: string])[] = [
  ["ports: 80", "write [80]"],
  ['ports: "80,443"', "write [80, 443]"],
  ["ports: 8000-8010", "write [8000-8010]"],
  ["ports: all", "write any"],
  ["ports: http", "write its number, which this tells: getent services http"],
  ["ports: [http]", "write its number, which this tells: getent services http"],
  ['ports: ["80,443"]', "write 80, 443, each an entry of its own"],
  [
    "ports: [8000:8010]",
    'write port: 8000, and port: 8010 in each server, with realserver.method: redirect; a range is "8000-8010"',
  ],
  [
    "port: 80:8080",
    'write port: 80, and port: 8080 in each server, with realserver.method: redirect; a range is "80-8080"',
  ],
  ["port: 8080:80", "write port: 8080, and port: 80 in each server, with realserver.method: redirect"],
  ["ports: 99999", "write [80, 443]"],
  ['ports: ["99999"]', 'write a port from 1 to 65535 or a range such as "8000-8010"'],
  ['ports: ["90-80,70"]', 'write a port from 1 to 65535 or a range such as "8000-8010"'],
  ["ports: [80.5]", 'write a port from 1 to 65535 or a range such as "8000-8010"'],
  ["port: any", "write ports: any instead"],
  ["port: [80, 443]", "write ports: [80, 443] instead"],
  ["port: 80-90", "write ports: [80-90] instead"],
  ['port: "80"', "write 80 without quotes"],
  ['port: "${PORT}"', "nothing is replaced in this file, write the value itself"],
  ["port: 0", "write 1 or more"],
  ["port:", "write 80, or remove the key"],
  ["{ port: 80, health: http }", "write { type: http, path: / }"],
  ["{ port: 80, health: /up }", "write { type: http, path: /up }"],
  ["{ port: 80, health: 'http://192.0.2.10/up' }", "write { type: http, path: /up }"],
  ["{ port: 80, health: https }", "write { type: tcp }, HTTPS is not checked"],
  ["{ port: 80, health: 'https://192.0.2.10/up' }", "write { type: tcp }, HTTPS is not checked"],
  ["{ port: 80, health: TLS }", "write { type: tcp }, HTTPS is not checked"],
  ["{ port: 80, health: off }", "write none"],
  ["{ port: 80, health: false }", "write none"],
  ["{ port: 80, health: yes }", "write { type: tcp }"],
  ["{ port: 80, health: null }", "write { type: tcp }, or remove the key"],
  ["{ port: 80, health: { type: HTTPS } }", "write tcp, HTTPS is not checked"],
  ["{ port: 80, health: { type: ssl } }", "write tcp, HTTPS is not checked"],
  ["{ port: 80, health: { port: 80 } }", "add type: tcp, dr or http"],
  ["{ port: 80, slow_start: 30 }", "a unit is missing, write 30s"],
  ["{ port: 80, slow_start: 500 }", "a unit is missing, write 500s or 500ms"],
  ["{ port: 80, slow_start: 700000 }", "a unit is missing, write 700000ms"],
  ["{ port: 80, slow_start: 1.5m }", "write 90s"],
  ["{ port: 80, slow_start: 200h }", "write 168h or less"],
  ["{ port: 80, persistence: 5m }", "write { timeout: 5m }"],
  ["{ port: 80, persistence: 300 }", "write { timeout: 5m }"],
  ["{ port: 80, persistence: none }", "remove the key, without it there is none"],
  [
    "{ port: 80, persistence: { netmask: 24.5 } }",
    "write a prefix length, 1 to 32 for IPv4 and 1 to 128 for IPv6, or a mask such as 255.255.255.0",
  ],
  ["{ port: 80, allow: 198.51.100.0/24 }", "write [198.51.100.0/24]"],
  ["{ port: 80, allow: foo }", "write [198.51.100.0/24]"],
  ["{ port: 80, deny: [10.0.0.0/255.0.0.0] }", "write 10.0.0.0/8"],
  ["{ port: 80, deny: [any] }", "write 0.0.0.0/0, or ::/0 for IPv6"],
  ["{ port: 80, scheduler: least_conn }", 'did you mean "wlc"?'],
  ["{ port: 80, scheduler: [rr] }", "write its entry without brackets"],
  ["{ port: 80, protocol: [tcp, udp] }", "write one, and another service for the other one"],
  ["{ port: 80, protocol: http }", "write tcp"],
  ["{ port: 80, one_packet: no }", "write false"],
  ["{ port: 80, vlan: eth0.10 }", "write 10"],
  ["{ port: 80, vlan: eth0.4095 }", "write it in digits only"],
  ["{ port: 80, new_connections_per_source: 10/s }", "write 10"],
  ["{ port: 80, new_connections_per_source: 60/min }", "write it in digits only"],
  ["{ port: 80, new_connections_per_source: 50 max }", "write it in digits only"],
  ["{ port: 80, new_connections_per_source: '1,5' }", "write it in digits only"],
  ["{ port: 80, new_connections_per_source: 10k }", "write 10000"],
  ["{ port: 80, new_connections_per_source: 1_000 }", "write 1000"],
  ["{ port: 80, name: “web” }", 'write " instead, or nothing'],
  ["{ port: 80, servers: [192.0.2.21] }", "write { address: 192.0.2.21 }"],
  [
    "{ port: 80, servers: [192.0.2.21:8080] }",
    "write { address: 192.0.2.21 }, it gets the ports of the service; if 8080 is another one, add port: 8080 and " +
    "realserver.method: redirect",
  ],
  ["{ port: 80, servers: [web1] }", "write { address: 192.0.2.21 }"],
  ["{ port: 80, servers: 192.0.2.21 }", "write [{ address: 192.0.2.21 }]"],
  ["{ port: 80, servers: { address: 192.0.2.21 } }", 'write "- " before the first key of each entry'],
];
for (const [lines, cure] of CURES) {
  Deno.test(`parseConfig() says what to write instead of ${lines}`, () => {
    const keys = lines.replace(/^\{ (.*) \}$/, "$1");
    const servers = keys.includes("servers:") ? "" : ", servers: [{ address: 192.0.2.21 }]";
    const [only, ...others] = headings(`services:\n- { vip: 192.0.2.10, ${keys}${servers} }\n`);
    assert.deepEqual(others, []);
    assert.ok(only?.endsWith(`: ${cure}`), only);
  });
}

Deno.test("parseConfig() says what to write instead of whole sections", () => {
  const cures: readonly (readonly [string, string])[] = [
    ["director: eth0", "write { interface: eth0 }"],
    ["director: eth/0", "write { interface: eth0 }"],
    ["director: { cpus: 0-1 }", "write [0, 1]"],
    ["director: { cpus: 2000-2001 }", "write [0]"],
    ["director: { cpus: 5000 }", "write [0]"],
    ["director: { max_connections: 1M }", "write 1000000"],
    ["status: 127.0.0.1:8480", "write { listen: 127.0.0.1:8480 }"],
    ["realserver: loopback", "write { method: loopback }"],
    [
      "realserver: { status: on }",
      "write { port: 8481, token: TOKEN } with the output of openssl rand -hex 16 for TOKEN, or remove the key",
    ],
    ["timeouts: 5m", "write { established: 15m }"],
  ];
  for (const [text, cure] of cures) {
    const [only, ...others] = headings(`${WEB}${text}\n`);
    assert.deepEqual(others, [], text);
    assert.ok(only?.endsWith(`: ${cure}`), only);
  }
  const named = headings("services:\n  web:\n    vip: 192.0.2.10\n");
  assert.match(named[0]!, /: write "- name: NAME" instead of "web:", and so with the others$/);
  assert.match(headings("services: [web]\n")[0]!, /: write \{ vip: 192\.0\.2\.10, port: 80, servers: .* \}$/);
  assert.match(headings("- vip: 192.0.2.10\n")[0]!, /: write services: in a line above the list$/);
});

Deno.test("parseConfig() repeats no secret as what to write instead", () => {
  for (
    const text of [
      "director: token 0123456789s3cret",
      "director: { cpus: token 0123456789s3cret }",
      "realserver: { status: { token: [0123456789s3cret] } }",
    ]
  ) {
    assert.doesNotMatch(headings(`${WEB}${text}\n`).join("\n"), /s3cret/);
  }
});

Deno.test("parseConfig() has a cure for a value of any other kind at any key", () => {
  const kinds = [null, true, -1, 1.5, "?", [], ["x", "y"], {}, { x: 1 }];
  let told = 0;
  const at = (schema: JsonSchema, wrap: (value: unknown) => unknown): void => {
    for (const kind of kinds) {
      for (const heading of headings(stringify(wrap(kind)))) {
        told++;
        const message = heading.replace(/^c\.yaml:\d+:\d+: [^:]*: /, "");
        assert.doesNotMatch(message, /write null$/, heading);
        assert.match(message, /[:,] .*\b(write|add|remove|move|did you mean|put|use|list|make|choose)\b/s);
      }
    }
    for (const [key, inner] of Object.entries(schema.properties ?? {})) {
      at(inner, (value) => wrap({ [key]: value }));
    }
    if (schema.items !== undefined) at(schema.items, (value) => wrap([value]));
    for (const inner of [...schema.anyOf ?? [], ...schema.oneOf ?? []]) at(inner, wrap);
  };
  at(jsonSchema(), (value) => value);
  assert.ok(told > 1_000, String(told));
});

Deno.test("runSchema() has examples that are right, each in its place", () => {
  const services = [{ vip: "192.0.2.10", port: 80, servers: [{ address: "192.0.2.21" }] }];
  const { properties = {}, examples: [whole] = [] } = jsonSchema();
  assert.deepEqual(headings(stringify(whole)), []);
  for (const [key, { examples = [], properties: inner = {} }] of Object.entries(properties)) {
    for (const example of examples) {
      assert.deepEqual(headings(stringify({ services, [key]: example })), [], key);
    }
    for (const [name, { examples = [] }] of Object.entries(inner)) {
      for (const example of examples) {
        assert.deepEqual(headings(stringify({ services, [key]: { [name]: example } })), [], `${key}.${name}`);
      }
    }
  }
  for (const [key, { examples = [] }] of Object.entries(properties.services!.items!.properties!)) {
    for (const example of examples) {
      const { port: _, ...rest } = services[0]!;
      const service = { ...(key === "ports" ? rest : services[0]), scheduler: "sh", [key]: example };
      assert.deepEqual(headings(stringify({ services: [service] })), [], key);
    }
  }
});

Deno.test("spelledDuration() understands other spellings, and only those that mean a duration in bounds", () => {
  const spellings = [
    ["1m30s", "90s"],
    ["1.5s", "1500ms"],
    ["5 sec", "5s"],
    ["2 days", "48h"],
    ["120 minutes", "2h"],
    ["1_000ms", "1s"],
    ["1w", "168h"],
  ] as const;
  for (const [spelling, duration] of spellings) assert.equal(spelledDuration(spelling), duration);
  for (const text of ["", "5", "-2s", "12:30:00", "1s foo", "2 parsecs", "8d", "10ms"]) {
    assert.equal(spelledDuration(text), null, text);
  }
});
