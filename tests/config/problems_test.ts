import assert from "node:assert/strict";
import { ConfigError } from "../../config/config_error.ts";
import { parseConfig } from "../../config/parse_config.ts";
import { headings, type ProblemCase, SERVERS, WEB } from "./headings.ts";

const NO_UNIT = (found: string) =>
  `Cannot read duration "${found}": a unit is missing, write ${found}s or ${found}ms`;
const TOP_KEYS = "director, status, timeouts, services, realserver";
const SERVER_KEYS = "address, vlan, port, weight, max_connections, min_connections";

const CASES: readonly ProblemCase[] = [
  {
    what: "an empty file",
    text: "",
    problems: [
      "1:1: : Cannot use an empty configuration: add services: [{ vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }] }]",
    ],
  },
  {
    what: "a text",
    text: "hello",
    problems: [
      '1:1: : Expected a mapping of keys, found text "hello": write { services: [{ vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }] }] }',
    ],
  },
  {
    what: "nothing but the director",
    text: "director: {}",
    problems: [
      "1:1: services: Cannot do without this key: add services: [{ vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }] }]",
    ],
  },
  {
    what: "every syntax error",
    text: "a: b: c\nd: [1,\n",
    problems: [
      "1:4: : Cannot use a value with a colon at its end, or followed by a space: put the value in quotes",
      "2:4: : Cannot find the ] that closes the [ opened here: write it behind what belongs inside, in line 2 as it seems",
    ],
  },
  {
    what: "a tab",
    text: "services:\n\t- vip: 1\n",
    problems: ["2:1: : Cannot use a tab as indentation: write spaces instead"],
  },
  {
    what: "several documents",
    text: `${WEB}---\na: 1\n`,
    problems: [
      "5:1: : Cannot use several documents in one file: remove the --- line and what belongs to the other document",
    ],
  },
  {
    what: "a duplicate key and what is wrong besides",
    text: `${WEB}  port: 0\n`,
    problems: [
      '5:3: : Cannot use key "port" twice: line 3 has it already, remove one of them',
      "5:9: services[0].port: Expected a whole number from 1 to 65535, found 0: write 1 or more",
    ],
  },
  {
    what: "an unknown tag",
    text: `${WEB}director: !foo {}\n`,
    problems: ["5:11: : Cannot use this tag: remove it"],
  },
  {
    what: "an unknown alias",
    text: "services: *x\n",
    problems: ["1:11: : Cannot find the anchor of this alias: define it before"],
  },
  {
    what: "an alias inside its anchor",
    text: "services: &x [*x]\n",
    problems: ["1:15: : Cannot use an alias inside its own anchor: remove it"],
  },
  {
    what: "an alias bomb",
    text: "a: &a [x,x,x,x,x,x,x,x,x,x]\n" +
      ["ab", "bc", "cd", "de", "ef", "fg"].map(([from, to]) =>
        `${to}: &${to} [${Array(10).fill(`*${from}`)}]\n`
      ).join(""),
    problems: ["6:7: : Cannot use more than 1000000 values, aliases expanded: use fewer"],
  },
  {
    what: "a nesting without end",
    text: "[".repeat(20_000),
    problems: ["1:65: : Cannot read more than 64 levels of nesting: remove the surplus brackets"],
  },
  {
    what: "a list as a key",
    text: `${WEB}? [a]\n: b\n`,
    problems: [
      "5:3: : Cannot use a list or a mapping as a key: write a word, or put a value with { or [ in quotes",
    ],
  },
  {
    what: "unknown keys, with the nearest known one",
    text: `${WEB}timeuots: {}\nlogging: {}\n__proto__: {}\n`,
    problems: [
      '5:1: timeuots: Unknown key "timeuots": did you mean "timeouts"?',
      `6:1: logging: Unknown key "logging": remove it, known keys here are ${TOP_KEYS}`,
      `7:1: __proto__: Unknown key "__proto__": remove it, known keys here are ${TOP_KEYS}`,
    ],
  },
  {
    what: "a key of the other kind of health check",
    text: `${WEB}  health: { type: tcp, path: /x }\n`,
    problems: [
      '5:24: services[0].health.path: Unknown key "path" with type tcp: remove it, known keys here are type, port, interval, timeout, rise, fall',
    ],
  },
  {
    what: "health checks of no kind",
    text: `services:\n- { vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }], health: {} }\n` +
      `- { vip: 192.0.2.10, port: 81, servers: [{ address: 192.0.2.21 }], health: { type: htp } }\n` +
      `- { vip: 192.0.2.10, port: 82, servers: [{ address: 192.0.2.21 }], health: off }\n`,
    problems: [
      "2:76: services[0].health.type: Cannot do without this key: add type: tcp, dr or http",
      '3:84: services[1].health.type: Expected tcp, http or dr, found text "htp": did you mean "http"?',
      '4:76: services[2].health: Expected none or a mapping of keys, found text "off": write none',
    ],
  },
  {
    what: "durations without a unit, of two units and out of bounds",
    text: `${WEB}timeouts:\n  established: 900\n  fin: 1m30s\n  udp: 10ms\n`,
    problems: [
      `6:16: timeouts.established: ${NO_UNIT("900")}`,
      '7:8: timeouts.fin: Cannot read duration "1m30s": write 90s',
      '8:8: timeouts.udp: Cannot use duration "10ms": write 100ms or more',
    ],
  },
  {
    what: "the director's keys",
    text:
      `${WEB}director:\n  offloads: xdp\n  max_connections: 10\n  hash_key: 00112233445566778899001122334455\n  interface: eth 0\n`,
    problems: [
      '6:13: director.offloads: Expected handle or disable, found text "xdp": write one of them',
      "7:20: director.max_connections: Expected a whole number from 1000 to 64000000, found 10: write 1000 or more",
      "8:13: director.hash_key: Cannot use this secret without quotes: write 32 hexadecimal digits, for example from: openssl rand -hex 16, in quotes",
      '9:14: director.interface: Cannot use interface "eth 0": a name has 1 to 15 characters without spaces, "/" and ":", see "ip link"',
    ],
  },
  {
    what: "a page for everybody without a token",
    text: `${WEB}status: { listen: "0.0.0.0:8480" }\n`,
    problems: [
      "5:19: status.listen: Cannot serve 0.0.0.0:8480 without a token: add token, for example from: openssl rand -hex 16",
    ],
  },
  {
    what: "a listening port alone and a short token",
    text: `${WEB}status: { listen: 8480, token: secret }\n`,
    problems: [
      '5:19: status.listen: Cannot listen on "8480": write ADDRESS:PORT such as 127.0.0.1:8480 or "[::1]:8480", 0.0.0.0:8480 or "[::]:8480" for every address, or off',
      "5:32: status.token: Cannot use a secret of 6 characters: write 16 to 256 of A-Z a-z 0-9 . _ ~ + / -, for example from: openssl rand -hex 16",
    ],
  },
  {
    what: "addresses nobody has",
    text: "services:\n" +
      [
        "192.0.2.10/24",
        "224.0.0.1",
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "010.0.0.1",
        "web",
      ].map((vip) => `- { vip: "${vip}", port: 80, servers: [{ address: 192.0.2.21 }] }\n`).join(""),
    problems: [
      '2:10: services[0].vip: Cannot use VIP "192.0.2.10/24": a VIP is one address, and a real server that holds a shorter prefix than /32 answers ARP for the whole subnet, write 192.0.2.10',
      '3:10: services[1].vip: Cannot use address "224.0.0.1": it is a multicast address, use the address of one host',
      '4:10: services[2].vip: Cannot use address "127.0.0.1": it is a loopback address, use the address of one host',
      '5:10: services[3].vip: Cannot use address "0.0.0.0": it is an address of "this network" (0.0.0.0/8), use the address of one host',
      '6:10: services[4].vip: Cannot use address "255.255.255.255": it is the broadcast address, use the address of one host',
      '7:10: services[5].vip: Cannot read address "010.0.0.1": write 10.0.0.1, zeros in front mean another number to some programs',
      '8:10: services[6].vip: Cannot read address "web": it is a host name, write its address, which this tells: getent ahosts web',
    ],
  },
  {
    what: "ports",
    text:
      `services:\n- vip: 192.0.2.10\n  ports: [80, "90-85", "70-80", 0, 65536, 443]\n${SERVERS}- vip: 192.0.2.11\n  ports: []\n${SERVERS}` +
      `- vip: 192.0.2.12\n${SERVERS}- vip: 192.0.2.13\n  port: 80\n  ports: any\n${SERVERS}- vip: 192.0.2.14\n  ports: 80\n${SERVERS}`,
    problems: [
      "3:11: services[0].ports[0]: Cannot list port 80 twice: it overlaps with 70-80, remove one of them",
      '3:15: services[0].ports[1]: Cannot use port range "90-85": it is inverted, write "85-90"',
      "3:33: services[0].ports[3]: Expected a whole number from 1 to 65535, found 0: write 1 or more",
      "3:36: services[0].ports[4]: Expected a whole number from 1 to 65535, found 65536: write 65535 or less",
      "6:10: services[1].ports: Expected at least one entry, found an empty list: write [80, 443]",
      "8:3: services[2]: Cannot do without a port: add port: 80, ports: [80, 443] or ports: any",
      "11:9: services[3].port: Cannot use port and ports together: remove one of them",
      "15:10: services[4].ports: Expected any or a list, found 80: write [80]",
    ],
  },
  {
    what: "every port inside one wide range",
    text: `services:\n- vip: 192.0.2.10\n  ports: ["70-90", 75, 85, 91]\n${SERVERS}`,
    problems: [
      "3:20: services[0].ports[1]: Cannot list port 75 twice: it overlaps with 70-90, remove one of them",
      "3:24: services[0].ports[2]: Cannot list port 85 twice: it overlaps with 70-90, remove one of them",
    ],
  },
  {
    what: "a scheduler, its options and one_packet",
    text:
      `${WEB}  scheduler: wlcc\n- vip: 192.0.2.11\n  port: 80\n  scheduler_options: [sh-port]\n  one_packet: true\n${SERVERS}` +
      `- vip: 192.0.2.12\n  port: 80\n  scheduler: mh\n  scheduler_options: [mh-port, mh-port, sh-fallback]\n${SERVERS}`,
    problems: [
      '5:14: services[0].scheduler: Expected rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh or twos, found text "wlcc": did you mean "wlc"?',
      "8:23: services[1].scheduler_options[0]: Cannot use sh-port with scheduler wlc: remove it or use scheduler: sh",
      "9:15: services[1].one_packet: Cannot use one_packet with TCP: remove it or use protocol: udp",
      "14:32: services[2].scheduler_options[1]: Cannot use mh-port twice: remove one of them",
      "14:41: services[2].scheduler_options[2]: Cannot use sh-fallback with scheduler mh: remove it or use scheduler: sh",
    ],
  },
  {
    what: "health checks without a port or without time",
    text:
      `services:\n- vip: 192.0.2.10\n  ports: any\n${SERVERS}- vip: 192.0.2.11\n  ports: any\n  health: { type: tcp }\n${SERVERS}` +
      `- vip: 192.0.2.12\n  port: 80\n  health: { type: tcp, timeout: 2s }\n${SERVERS}- vip: 192.0.2.13\n  port: 80\n  health: { type: tcp, interval: 1s }\n${SERVERS}`,
    problems: [
      "2:3: services[0].health: Cannot check ports: any without a port: add health: { type: tcp, port: 80 } or health: none",
      "7:11: services[1].health: Cannot check ports: any without a port: add port to health",
      "11:33: services[2].health.timeout: Cannot use timeout 2s with interval 2s: a check must end before the next begins, make timeout shorter than interval",
      "15:34: services[3].health.interval: Cannot use timeout 1s with interval 1s: a check must end before the next begins, make timeout shorter than interval",
    ],
  },
  {
    what: "real servers",
    text: "services:\n- vip: 192.0.2.10\n  port: 80\n  servers:\n  - { address: 192.0.2.21, zone: 8080 }\n" +
      "  - { address: 192.0.2.21, weight: 1.5, max_connections: 10, min_connections: 20 }\n" +
      "  - { address: 192.0.2.10, min_connections: 5 }\n  - 192.0.2.22\n  -\n- vip: 192.0.2.11\n  port: 80\n  servers: []\n",
    problems: [
      `5:28: services[0].servers[0].zone: Unknown key "zone": remove it, known keys here are ${SERVER_KEYS}`,
      "6:16: services[0].servers[1].address: Cannot list real server 192.0.2.21 twice: it is servers[0] already, remove one of them",
      "6:36: services[0].servers[1].weight: Expected a whole number from 0 to 65535, found 1.5: write 1 or 2",
      "6:79: services[0].servers[1].min_connections: Cannot use min_connections 20 above max_connections 10: make it 10 or less",
      "7:16: services[0].servers[2].address: Cannot use 192.0.2.10 as a real server: it is the VIP of the service in line 2, use the host's own address",
      "7:45: services[0].servers[2].min_connections: Cannot use min_connections without a limit: add max_connections",
      '8:5: services[0].servers[3]: Expected a mapping of keys, found text "192.0.2.22": write { address: 192.0.2.22 }',
      "9:4: services[0].servers[4]: Expected a mapping of keys, found nothing: write { address: 192.0.2.21 }",
      "12:12: services[1].servers: Expected at least one entry, found an empty list: write [{ address: 192.0.2.21 }]",
    ],
  },
  {
    what: "services that collide",
    text:
      `${WEB}  name: web\n- vip: 192.0.2.10/32\n  ports: ["70-90"]\n  name: web\n${SERVERS}- vip: 192.0.2.10\n  port: 80\n  protocol: udp\n${SERVERS}`,
    problems: [
      "7:11: services[1].ports[0]: Cannot serve port 70-90 of 192.0.2.10/tcp: the service in line 2 has 80, remove one of them",
      '8:9: services[1].name: Cannot use name "web" twice: the service in line 5 has it, rename one',
    ],
  },
  {
    what: "an empty service",
    text: "services: [{}]\n",
    problems: [
      "1:12: services[0].vip: Cannot do without this key: add vip: 192.0.2.10",
      "1:12: services[0].servers: Cannot do without this key: add servers: [{ address: 192.0.2.21 }]",
      "1:12: services[0]: Cannot do without a port: add port: 80, ports: [80, 443] or ports: any",
    ],
  },
  {
    what: "a key without a value",
    text: `director:\n${WEB}`,
    problems: [
      "1:1: director: Expected a mapping of keys, found nothing: write { interface: eth0 }, or remove the key",
    ],
  },
  {
    what: "a name YAML takes for a number",
    text: `${WEB}  name: 80\n`,
    problems: ["5:9: services[0].name: Expected a name, found 80: put it in quotes"],
  },
  {
    what: "both uses of an aliased value, where it is written",
    text:
      "services:\n- { vip: 192.0.2.10, port: 80, servers: &s [{ address: x }] }\n- { vip: 192.0.2.10, port: 81, servers: *s }\n",
    problems: [0, 1].map((i) =>
      `2:56: services[${i}].servers[0].address: Cannot read address "x": it is a host name, write its address, which this tells: getent ahosts x`
    ),
  },
];

for (const { what, text, problems } of CASES) {
  Deno.test(`parseConfig() reports ${what} at its exact place`, () => {
    assert.deepEqual(headings(text), problems.map((problem) => `c.yaml:${problem}`));
  });
}

Deno.test("ConfigError shows the source line with a caret under the column", () => {
  assert.throws(() => parseConfig(`${WEB}  name: Web\n`, "c.yaml"), (error: ConfigError) => {
    assert.equal(error.exitCode, 78);
    assert.equal(error.report.split("\n").slice(1).join("\n"), "  5 |   name: Web\n    |         ^\n");
    assert.match(
      error.message,
      /^Cannot use configuration "c\.yaml": 1 problem\nc\.yaml:5:9: services\[0\]\.name: /,
    );
    return true;
  });
});

Deno.test("ConfigError cuts a long line around the caret and hides control characters", () => {
  const text = `${WEB}${" ".repeat(2)}name: [${"x, ".repeat(200)}{ \u001b: 1 }]\nstatus: { ${
    " ".repeat(300)
  }port: 1, "\u001b": 2 }\n`;
  assert.throws(() => parseConfig(text, "c.yaml"), (error: ConfigError) => {
    assert.equal(error.report.includes("\u001b"), false);
    assert.match(error.report, /: status\["\\u001b"\]: Unknown key/);
    const [excerpt, caret] = error.report.split("\n").filter((line) => line.includes(" | ")).slice(-4, -2);
    assert.equal(excerpt?.slice(caret?.indexOf("^")).startsWith("port: 1"), true);
    for (const line of error.report.split("\n").filter((line) => line.includes(" | "))) {
      assert.ok(line.length <= 110, line);
    }
    return true;
  });
});

Deno.test("ConfigError sums itself up in one line, without lines of the file", () => {
  const summary = (text: string) => {
    try {
      parseConfig(text, "c.yaml");
    } catch (error) {
      return (error as ConfigError).summary;
    }
  };
  const key =
    'c.yaml:5:1: x: Unknown key "x": remove it, known keys here are director, status, timeouts, services, ' +
    "realserver";
  assert.equal(summary(`${WEB}x: 1\n`), `Cannot use configuration "c.yaml": 1 problem: ${key}`);
  assert.equal(
    summary(`${WEB}x: 1\ny: 1\n`),
    `Cannot use configuration "c.yaml": 2 problems, the first: ${key}`,
  );
});

Deno.test("ConfigError tells at most a hundred problems, and that there are more", () => {
  const unknown = Array.from({ length: 150 }, (_, i) => `x${i}: 1\n`).join("");
  for (const text of [`${WEB}${unknown}`, "- @\n".repeat(150)]) {
    assert.throws(() => parseConfig(text, "c.yaml"), (error: ConfigError) => {
      assert.equal(error.problems.length, 100);
      assert.match(error.summary, /^Cannot use configuration "c\.yaml": 100 or more problems, the first: /);
      return true;
    });
  }
});
