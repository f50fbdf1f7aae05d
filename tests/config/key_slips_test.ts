/**
 * A key that is a slip of a known one is one problem, and hides nothing of what is wrong besides.
 *
 * @module
 */

import assert from "node:assert/strict";
import { meantWord } from "../../config/other_words.ts";
import { headings, type ProblemCase, SERVERS, WEB } from "./headings.ts";

const SLIPS: readonly (readonly [string, string, string])[] = [
  ["services", "serivces", "1:1: serivces"],
  ["vip", "vpi", "2:3: services[0].vpi"],
  ["vip", "VIP", "2:3: services[0].VIP"],
  ["vip", "virtual_ip", "2:3: services[0].virtual_ip"],
  ["port", "prot", "3:3: services[0].prot"],
  ["servers", "sevrers", "4:3: services[0].sevrers"],
  ["servers", "real_servers", "4:3: services[0].real_servers"],
  ["address", "adress", "4:15: services[0].servers[0].adress"],
  ["address", "ip", "4:15: services[0].servers[0].ip"],
];
for (const [key, slip, place] of SLIPS) {
  Deno.test(`parseConfig() reports ${slip} once, and misses no ${key}`, () => {
    assert.deepEqual(headings(WEB.replace(`${key}:`, `${slip}:`)), [
      `c.yaml:${place}: Unknown key "${slip}": did you mean "${key}"?`,
    ]);
  });
}

const MERGE =
  "Cannot merge keys with <<: repeat them here, or write an alias as the value of one key such as servers: *NAME";

const CASES: readonly ProblemCase[] = [
  {
    what: "the slips of a health check, whose kind is one of them",
    text: `${WEB}  health: { tpye: http, pahth: healthz }\n`,
    problems: [
      '5:13: services[0].health.tpye: Unknown key "tpye": did you mean "type"?',
      '5:25: services[0].health.pahth: Unknown key "pahth": did you mean "path"?',
      '5:32: services[0].health.path: Cannot use path "healthz": it must begin with "/" and hold no spaces, write others as ' +
      "%20 and so on",
    ],
  },
  {
    what: "what is wrong below and beside a slip",
    text: `serivces:\n- vpi: 192.0.2.300\n  ports: any\n${SERVERS}`,
    problems: [
      '1:1: serivces: Unknown key "serivces": did you mean "services"?',
      '2:3: serivces[0].vpi: Unknown key "vpi": did you mean "vip"?',
      "2:3: services[0].health: Cannot check ports: any without a port: add health: { type: tcp, port: 80 } or health: none",
      '2:8: services[0].vip: Cannot read address "192.0.2.300": 300 is more than 255, write an address such as 192.0.2.10',
    ],
  },
  {
    what: "a slip whose value is of another kind",
    text: `services:\n- vip: 192.0.2.10\n  port: 80\n  sevrers: { address: 192.0.2.21 }\n`,
    problems: ['4:3: services[0].sevrers: Unknown key "sevrers": did you mean "servers"?'],
  },
  {
    what: "a second key for the same",
    text: `${WEB}  server: [{ address: 192.0.2.22 }]\n`,
    problems: [
      '5:3: services[0].server: Unknown key "server": "servers" is here already, remove one of them',
    ],
  },
  {
    what: "keys in the wrong place",
    text: `${WEB}  weight: 3\ntoken: 0123456789abcdef\n`,
    problems: [
      '5:3: services[0].weight: Unknown key "weight": move it to where it belongs, services[].servers[]',
      '6:1: token: Unknown key "token": move it to where it belongs, status or realserver.status',
    ],
  },
  {
    what: "a slip inside a misspelt key",
    text: "serivces:\n- vip: 192.0.2.10\n  port: 80\n  sevrers: { address: 192.0.2.21 }\n",
    problems: [
      '1:1: serivces: Unknown key "serivces": did you mean "services"?',
      '4:3: serivces[0].sevrers: Unknown key "sevrers": did you mean "servers"?',
    ],
  },
  {
    what: "keys of the top below another one, and misses none of them there",
    text: "director:\n  interface: eth0\n  services:\n  - vip: 192.0.2.10\n",
    problems: [
      '3:3: director.services: Unknown key "services": move it to where it belongs, the top of the file ' +
      "(without indentation)",
    ],
  },
  {
    what: "a key of the top in a service besides, and what is wrong at the top all the same",
    text: `${WEB}  services: []\n- { vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }] }\n`,
    problems: [
      '5:3: services[0].services: Unknown key "services": move it to where it belongs, the top of the file ' +
      "(without indentation)",
      "6:28: services[1].port: Cannot serve port 80 of 192.0.2.10/tcp: the service in line 2 has 80, remove one of them",
    ],
  },
  {
    what: "keys of several places, where their values fit",
    text: `${WEB}  status: { listen: off }\n- status: 204\n`,
    problems: [
      '5:3: services[0].status: Unknown key "status": move it to where it belongs, the top of the file ' +
      "(without indentation)",
      '6:3: services[1].status: Unknown key "status": move it to where it belongs, services[].health',
    ],
  },
  {
    what: "real servers that stand where services do",
    text: "services:\n- vip: 192.0.2.10\n  port: 80\n  servers:\n- { address: 192.0.2.21 }\n",
    problems: [
      "4:3: services[0].servers: Expected a list, found nothing: write [{ address: 192.0.2.21 }]",
      '5:5: services[1].address: Unknown key "address": move it to where it belongs, services[].servers[]',
    ],
  },
  {
    what: "colons without a space, in braces",
    text: "services:\n- {vip:192.0.2.10,port=80,servers: [{address:192.0.2.21}]}\n",
    problems: [
      '2:4: services[0]["vip:192.0.2.10"]: Unknown key "vip:192.0.2.10": write "vip: 192.0.2.10", with a space behind the colon',
      '2:19: services[0]["port=80"]: Unknown key "port=80": write "port: 80", with a space behind the colon',
      '2:38: services[0].servers[0]["address:192.0.2.21"]: Unknown key "address:192.0.2.21": write "address: 192.0.2.21", ' +
      "with a space behind the colon",
    ],
  },
  {
    what: "a merge key, and misses nothing of what it would bring",
    text:
      `services:\n- &web { vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }] }\n- <<: *web\n  vip: 192.0.2.11\n`,
    problems: [`3:3: services[1].<<: ${MERGE}`],
  },
  {
    what: "a merge key beside ports, without a word about port",
    text:
      `services:\n- &web { vip: 192.0.2.10, port: 80, servers: [{ address: 192.0.2.21 }] }\n- <<: *web\n  ports: [80]\n`,
    problems: [`3:3: services[1].<<: ${MERGE}`],
  },
  {
    what: "both uses of an aliased mapping with a slip",
    text: "services:\n- { vip: 192.0.2.10, port: 80, servers: &s [{ adress: 192.0.2.21 }] }\n" +
      "- { vip: 192.0.2.11, port: 80, servers: *s }\n",
    problems: [0, 1].map((i) =>
      `2:47: services[${i}].servers[0].adress: Unknown key "adress": did you mean "address"?`
    ),
  },
];
for (const { what, text, problems } of CASES) {
  Deno.test(`parseConfig() reports ${what}`, () => {
    assert.deepEqual(headings(text), problems.map((problem) => `c.yaml:${problem}`));
  });
}

Deno.test("meantWord() knows what other programs call a word, where that word is known", () => {
  assert.equal(meantWord("lb_algo", ["scheduler", "servers"]), "scheduler");
  assert.equal(meantWord("LeastConn", ["rr", "wlc"]), "wlc");
  assert.equal(meantWord("leastconn", ["rr"]), null);
  assert.equal(meantWord("toString", ["rr"]), null);
});
