import assert from "node:assert/strict";
import { parseIptablesTranslations } from "../../host/iptables_translations.ts";
import { shareOf, type Traffic } from "../../host/translations.ts";

/** What the rules of one chain, and of others, take of a client's packets for port 80. */
function sharesOf(listing: string, changes: Partial<Traffic> = {}, family: 4 | 6 = 4): string[] {
  const traffic = {
    protocol: "tcp",
    address: "192.0.2.10",
    ports: { first: 80, last: 80 },
    device: "eth0",
    isOwn: true,
    ...changes,
  } as const;
  return parseIptablesTranslations(family, listing).map((translation) => shareOf(translation, traffic));
}

Deno.test("parseIptablesTranslations() knows what each condition lets through", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["-p tcp -m tcp --dport 80", "all"],
    ["-p tcp -m tcp --dport 81", "none"],
    ["-p udp -m udp --dport 80", "none"],
    ["-p tcp -m multiport --dports 22,79:81", "all"],
    ["! -d 10.0.0.0/8 -p tcp -m tcp --dport 80", "all"],
    ["! -d 192.0.2.10/32 -p tcp -m tcp --dport 80", "none"],
    ["-d 192.0.2.0/28 -p tcp", "all"],
    ["-i docker0 -p tcp -m tcp --dport 80", "none"],
    ["! -i docker+ -p tcp -m tcp --dport 80", "all"],
    ["-s 10.0.0.0/8 -p tcp -m tcp --dport 80", "of some clients"],
    ["-m addrtype --dst-type LOCAL", "all"],
    ["-m addrtype ! --dst-type LOCAL", "none"],
    [`-m comment --comment "-i docker0 \\"x\\"" -p tcp`, "all"],
    ["-p tcp -m conntrack --ctstate NEW -m tcp --dport 80", "all"],
    ["-p tcp -m tcp --dport 80 -m statistic --mode random --probability 0.5", "perhaps"],
    ["-p tcp -m socket", "perhaps"],
  ];
  for (const [conditions, share] of cases) {
    assert.deepEqual(
      sharesOf(`-A PREROUTING ${conditions} -j DNAT --to-destination 172.17.0.2:80`),
      [share],
      conditions,
    );
  }
  assert.deepEqual(sharesOf("-A PREROUTING -j REDIRECT", {}, 6), ["none"]);
});

Deno.test("parseIptablesTranslations() takes rules for what arrives, wherever they are, and for nothing else", () => {
  const rule = "-p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3128";
  assert.deepEqual(
    sharesOf(`*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT ${rule}\n-A POSTROUTING ${rule}\nCOMMIT\n`),
    [],
  );
  // As docker(1) makes them.
  const docker = `-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER -j DOCKER
`;
  assert.deepEqual(sharesOf(docker), ["all"]);
  assert.deepEqual(sharesOf(docker, { device: "docker0" }), ["none"]);
  assert.deepEqual(sharesOf(docker, { isOwn: false }), ["none"]);
});

Deno.test("parseIptablesTranslations() leaves it open what a rule takes that comes after one which may end the way to it", () => {
  const proxy = "-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3128";
  const shareAfter = (...rules: string[]) =>
    sharesOf([...rules.map((rule) => `-A ${rule}`), proxy].join("\n")).at(-1);
  assert.equal(shareAfter("PREROUTING -d 192.0.2.10/32 -j ACCEPT"), "perhaps");
  assert.equal(shareAfter("PREROUTING -s 10.0.0.0/8 -j RETURN"), "perhaps");
  assert.equal(shareAfter("PREROUTING -d 192.0.2.11/32 -j ACCEPT"), "all");
  assert.equal(shareAfter("PREROUTING -j OWN", "OWN -j ACCEPT"), "perhaps");
  assert.equal(shareAfter("PREROUTING -j OWN", "OWN -j RETURN"), "all");
  assert.equal(shareAfter("PREROUTING -g OWN", "OWN -d 192.0.2.11/32 -j ACCEPT"), "perhaps");
});
