/**
 * Text that is no YAML: each cause once, where it is, with what to write.
 *
 * @module
 */

import assert from "node:assert/strict";
import { headings, type ProblemCase, SERVERS, WEB } from "./headings.ts";

const NO_PAIR =
  "Cannot find a key and its value in this line: write KEY: VALUE, with a space behind the colon";
const NO_COMMA =
  "Cannot tell where the next entry begins: write a comma before it, or quotes around a value with special characters";
const DASH =
  "Cannot use a list entry here: begin its dash in the column of the list's other dashes, and the keys of an " +
  "entry two columns further";
const COLON = "Cannot use a value with a colon at its end, or followed by a space: put the value in quotes";
const open = (bracket: string, closing: string, line: number): string =>
  `Cannot find the ${closing} that closes the ${bracket} opened here: write it behind what belongs inside, in line ${line} as it seems`;
const quoted = (mark: string, line: number): string =>
  `Cannot find the ${mark} that closes the one opened here: write it behind the value, in line ${line}`;

const CASES: readonly ProblemCase[] = [
  {
    what: "a list that is not closed, in the line it begins in",
    text: `services:\n- vip: 192.0.2.10\n  ports: [80, 443\n${SERVERS}`,
    problems: [`3:10: : ${open("[", "]", 3)}`],
  },
  {
    what: "a mapping that is not closed, far above the end of the file",
    text: "services:\n- vip: 192.0.2.10\n  port: 80\n  servers:\n  - { address: 192.0.2.21\n" +
      "  - { address: 192.0.2.22 }\n  - { address: 192.0.2.23 }\n  scheduler: rr\n",
    problems: [`5:5: : ${open("{", "}", 5)}`],
  },
  {
    what: "what was cut off at the end",
    text: '{\n  "services": [\n    {\n      "vip": "192.0.2.10"\n    }\n',
    problems: [`1:1: : ${open("{", "}", 5)}`, `2:15: : ${open("[", "]", 5)}`],
  },
  {
    what: "brackets that do not match, the inner ones only",
    text: `${WEB}director: { cpus: [1, 2 }\n`,
    problems: [
      "5:19: : Cannot close the [ opened here by the } in line 5: write ] before that or instead of it, or remove that if it is one too many",
    ],
  },
  {
    what: "a bracket too many",
    text: `${WEB}director: {}]\n`,
    problems: ["5:13: : Cannot find what this ] closes: remove it"],
  },
  {
    what: "a quote that is not closed up to the end",
    text: `services:\n- name: 'web\n  vip: 192.0.2.10\n  port: 80\n${SERVERS}`,
    problems: [`2:9: : ${quoted("'", 2)}`],
  },
  {
    what: "a quote that another one lines below would close",
    text: `${WEB}  name: "web\n  scheduler: rr\n  health: { type: http, path: "/x" }\n`,
    problems: [`5:9: : ${quoted('"', 5)}`],
  },
  {
    what: "tabs, once",
    text: "services:\n\t- vip: 192.0.2.10\n\t  port: 80\n",
    problems: [
      "2:1: : Cannot use a tab as indentation here and in 1 more line: write spaces instead",
    ],
  },
  {
    what: "a key that is indented too far",
    text: "services:\n- vip: 192.0.2.10\n  port: 80\n   protocol: tcp\n",
    problems: [
      "4:4: : Cannot use a deeper indentation below a key that has a value: begin this line in column 3, as the key above",
    ],
  },
  {
    what: "a key that is indented too little",
    text: "services:\n- vip: 192.0.2.10\n port: 80\n",
    problems: [
      '3:2: : Cannot use this line in a list: begin it with "- ", or in the column of the keys it belongs to',
    ],
  },
  {
    what: "a list entry among keys",
    text: "services:\n- servers:\n  - address: 192.0.2.21\n  weight: 3\n  - address: 192.0.2.22\n",
    problems: [`5:3: : ${DASH}`],
  },
  {
    what: "a key without a colon",
    text: `services:\n- vip: 192.0.2.10\n  port 80\n${SERVERS}`,
    problems: [`3:3: : ${NO_PAIR}`],
  },
  {
    what: "a colon without a space",
    text: `services:\n- vip:192.0.2.10\n  port: 80\n${SERVERS}`,
    problems: [`2:3: : ${NO_PAIR}`],
  },
  {
    what: "a value that ends in a colon",
    text: "services:\n- vip: 2001:db8::\n  port: 80\n",
    problems: [`2:8: : ${COLON}`],
  },
  {
    what: "a comma that is missing",
    text: '{\n  "status": { "listen": "off" }\n  "services": []\n}\n',
    problems: [`3:3: : ${NO_COMMA}`],
  },
  {
    what: "a comment right behind a bracket",
    text: `${WEB}director: { cpus: [1] }#one\n`,
    problems: ["5:24: : Cannot begin a comment right behind a value: write a space before the #"],
  },
  {
    what: "a character that cannot begin a value",
    text: "services:\n- vip: @web\n",
    problems: ["2:8: : Cannot begin a value with @: put the value in quotes"],
  },
  {
    what: "a template that was not filled in",
    text: "services:\n- vip: {{ vip }}\n",
    problems: ["2:9: : Cannot fill in {{ }}: nothing is replaced in this file, write the value itself"],
  },
  {
    what: "a space that is none",
    text: "services:\n- vip:\u00a0192.0.2.10\n  port: 80\n",
    problems: ["2:7: : Cannot use the invisible character U+00A0: write a plain space instead, or nothing"],
  },
  {
    what: "line ends of old computers",
    text: WEB.replaceAll("\n", "\r").replace("vip:", "vip"),
    problems: [
      "1:10: : Cannot use a carriage return alone as the end of a line: write line feeds, or save the file with the line ends of Unix",
    ],
  },
  {
    what: "mappings in mappings without end, by their cause",
    text: "a: b: c\n".repeat(100),
    problems: Array.from({ length: 62 }, (_, i) => `${i + 1}:4: : ${COLON}`),
  },
];

for (const { what, text, problems } of CASES) {
  Deno.test(`parseConfig() reports ${what}`, () => {
    assert.deepEqual(headings(text), problems.map((problem) => `c.yaml:${problem}`));
  });
}
