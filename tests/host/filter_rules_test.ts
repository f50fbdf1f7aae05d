import assert from "node:assert/strict";
import { parseArptablesRules, placesOf } from "../../host/filter_rules.ts";

const DROP = ["-d", "192.0.2.10", "-j", "DROP"];

function place(rule: string, ...chain: string[]): string | null {
  return placesOf([rule.split(" ")], chain.map((text) => text.split(" ")))[0]!;
}

Deno.test("parseArptablesRules() keeps the rules of each chain in their order", () => {
  const listing = `Chain INPUT (policy ACCEPT)
-j ACCEPT\u0020
-j DROP -d 192.0.2.10\u0020

Chain OUTPUT (policy DROP)

Chain mine (1 references)
-j ACCEPT -o eth0
`;
  assert.deepEqual([...parseArptablesRules(listing)], [
    ["INPUT", [["-j", "ACCEPT"], ["-j", "DROP", "-d", "192.0.2.10"]]],
    ["OUTPUT", []],
    ["mine", [["-j", "ACCEPT", "-o", "eth0"]]],
  ]);
});

Deno.test("placesOf() finds a rule however it is listed, and tells whether another comes before it", () => {
  const rule = DROP.join(" ");
  assert.equal(place(rule), null);
  assert.equal(place(rule, "-j ACCEPT"), null);
  assert.equal(place(rule, "-j DROP -d 192.0.2.10", "-j ACCEPT"), "in force");
  assert.equal(place(rule, "-j ACCEPT", "-j DROP -d 192.0.2.10"), "behind another rule");
  assert.equal(place(rule, "-j DROP ! -d 192.0.2.10"), null);
  const redirect = "-d 192.0.2.10 -p tcp --dport 80:81 -j REDIRECT --to-ports 8080";
  const listed = "-d 192.0.2.10/32 -p tcp -m tcp --dport 80:81 -j REDIRECT --to-ports 8080";
  assert.equal(place(redirect, listed), "in force");
  assert.equal(place(redirect, `${listed.replace("tcp -m tcp", "tcp -m socket -m tcp")}`), null);
});

Deno.test("placesOf() lets rules for another single address, and its own, come first", () => {
  const rule = DROP.join(" ");
  const cases: readonly [string, boolean][] = [
    ["-j DROP -d 192.0.2.11", true],
    ["-d 192.0.2.11/32 -j ACCEPT", true],
    ["-j ACCEPT ! -d 192.0.2.11", false],
    ["-j ACCEPT -d 192.0.2.0/24", false],
    ["-j ACCEPT -s 192.0.2.11", false],
    ["-j ACCEPT -d 192.0.2.10", false],
  ];
  for (const [other, isHarmless] of cases) {
    assert.equal(place(rule, other, rule), isHarmless ? "in force" : "behind another rule", other);
  }
  const ports = ["80", "443"].map((port) => ["-d", "192.0.2.10", "--dport", port]);
  assert.deepEqual(placesOf(ports, ports.toReversed()), ["in force", "in force"]);
});
