import assert from "node:assert/strict";
import { parseNftTranslations } from "../../host/nft_translations.ts";
import { shareOf, type Traffic, type Translation } from "../../host/translations.ts";

const CLIENTS: Traffic = {
  protocol: "tcp",
  address: "192.0.2.10",
  ports: { first: 80, last: 80 },
  device: "eth0",
  isOwn: true,
};

/** What nft lists of a table whose chain is the first that arriving packets come to, and of further parts of it. */
function listing(rules: readonly string[], parts = "", family = "inet", flags = ""): string {
  const lines = rules.map((rule, i) => `\t\t${rule} # handle ${10 + i}\n`).join("");
  return `table ${family} other { # handle 1
${flags}${parts}	chain first { # handle 2
		type nat hook prerouting priority -100; policy accept;
${lines}	}
}
`;
}

function sharesOf(translations: readonly Translation[], changes: Partial<Traffic> = {}): string[] {
  return translations.map((translation) => shareOf(translation, { ...CLIENTS, ...changes }));
}

/** What a rule takes of the traffic. */
function shareOfRule(rule: string, changes: Partial<Traffic> = {}): string {
  return sharesOf(parseNftTranslations(listing([rule])), changes).join();
}

Deno.test("parseNftTranslations() knows what each condition lets through, alone and denied", () => {
  const cases: readonly (readonly [string, Partial<Traffic>, Partial<Traffic>])[] = [
    ["tcp dport 80", {}, { ports: { first: 81, last: 81 } }],
    ["tcp dport { 79, 81-90 }", { ports: { first: 85, last: 85 } }, {}],
    ["tcp dport != 22", {}, { ports: { first: 22, last: 22 } }],
    ["th dport 80", { protocol: "udp" }, { ports: { first: 81, last: 81 } }],
    ["tcp dport 80", {}, { protocol: "udp" }],
    ["ip protocol udp", { protocol: "udp" }, {}],
    ["meta nfproto ipv4", {}, { address: "2001:db8::10" }],
    ["ip daddr 192.0.2.10", {}, { address: "192.0.2.11" }],
    ["ip daddr { 10.0.0.0/8, 192.0.2.8-192.0.2.11 }", {}, { address: "192.0.2.12" }],
    ["ip6 daddr 2001:db8::-2001:db8::ff", { address: "2001:db8::10" }, { address: "2001:db8:1::10" }],
    ["ip daddr != 192.0.2.10", { address: "192.0.2.11" }, {}],
    [`iifname "eth0"`, {}, { device: "docker0" }],
    [`iifname != "docker*"`, {}, { device: "docker0" }],
    [`meta iifname { "eth0", "eth1" }`, { device: "eth1" }, { device: "eth2" }],
    ["fib daddr type local", {}, { isOwn: false }],
  ];
  for (const [conditions, taken, left] of cases) {
    assert.equal(shareOfRule(`${conditions} redirect to :3128`, taken), "all", conditions);
    assert.equal(shareOfRule(`${conditions} redirect to :3128`, left), "none", conditions);
  }
  assert.equal(shareOfRule("meta l4proto { tcp, udp } ct state new counter redirect"), "all");
  assert.equal(shareOfRule("ct state established redirect"), "none");
});

Deno.test("parseNftTranslations() says what cannot be told, and what is for some clients only", () => {
  assert.equal(shareOfRule("ip saddr 10.0.0.0/8 tcp dport 80 redirect"), "of some clients");
  assert.equal(shareOfRule("ip saddr 10.0.0.0/8 tcp dport 81 redirect"), "none");
  for (
    const rule of [
      "meta random & 2147483647 < 1073741824 tcp dport 80 redirect",
      "ip daddr @unknown tcp dport 80 redirect",
      "ip daddr . tcp dport { 192.0.2.10 . 80 } redirect",
      "dnat to tcp dport map { 80 : 1.2.3.4 }",
      `tcp flags syn / fin,syn,rst,ack tcp dport 80 dnat to 1.2.3.4`,
    ]
  ) assert.equal(shareOfRule(rule), "perhaps", rule);
  for (const rule of ["tcp dport 80 accept", `tcp dport 80 counter comment "redirect to :1"`]) {
    assert.equal(shareOfRule(rule), "", rule);
  }
  const logging = `tcp dport 80 counter packets 1 bytes 60 log prefix "dnat to " level info redirect`;
  assert.equal(shareOfRule(logging), "all");
});

Deno.test("parseNftTranslations() follows chains from where packets arrive, and no others", () => {
  const parts = `	map services { # handle 3
		type inet_service : verdict
		elements = { 80 : jump web,
			     443 : goto web }
	}

	set vips { # handle 4
		type ipv4_addr
		elements = { 192.0.2.10, 192.0.2.11 }
	}

	chain web { # handle 5
		redirect to :8080 # handle 6
	}

	chain out { # handle 7
		type nat hook output priority -100; policy accept;
		tcp dport 80 redirect to :3128 # handle 8
	}

	chain alone { # handle 9
		tcp dport 80 redirect to :3128 # handle 20
	}

	chain round { # handle 21
		jump round # handle 22
	}

`;
  const led = (rule: string) => parseNftTranslations(listing([rule], parts));
  assert.deepEqual(led("tcp dport 22 accept"), []);
  assert.deepEqual(led("jump round"), []);
  const [found] = led("ip daddr @vips tcp dport 80 goto web");
  const { table, chain, handle, text, priority } = found!;
  assert.deepEqual({ table, chain, handle, text, priority }, {
    table: "inet other",
    chain: "web",
    handle: 6,
    text: "redirect to :8080",
    priority: -100,
  });
  assert.deepEqual(sharesOf([found!]), ["all"]);
  assert.deepEqual(sharesOf([found!], { address: "192.0.2.12" }), ["none"]);
  assert.deepEqual(sharesOf(led("tcp dport vmap @services")), ["perhaps", "perhaps"]);
  assert.deepEqual(sharesOf(led("tcp dport vmap { 80 : jump web, 81 : drop }")), ["perhaps"]);
});

Deno.test("parseNftTranslations() looks at the family of a table, and at none that is asleep", () => {
  const rule = ["tcp dport 80 redirect"];
  const found = (family: string, flags = "") => parseNftTranslations(listing(rule, "", family, flags));
  assert.deepEqual(sharesOf(found("ip6")), ["none"]);
  assert.deepEqual(sharesOf(found("ip6"), { address: "2001:db8::10" }), ["all"]);
  assert.deepEqual(found("bridge"), []);
  assert.deepEqual(found("ip", "\tflags dormant\n"), []);
});

Deno.test("parseNftTranslations() leaves it open what a rule takes that comes after one which may end the way to it", () => {
  const proxy = "tcp dport 80 redirect to :3128";
  const lastShare = (rules: readonly string[], parts = "", changes: Partial<Traffic> = {}) =>
    sharesOf(parseNftTranslations(listing(rules, parts)), changes).at(-1);
  for (
    const exemption of [
      "ip daddr 192.0.2.10 accept",
      "ip saddr 10.0.0.0/8 counter packets 0 bytes 0 return",
      "tcp dport { 80, 443 } drop",
      "tcp dport vmap { 80 : accept, 443 : drop }",
      "meta mark 0x1 return",
      "return",
    ]
  ) assert.equal(lastShare([exemption, proxy]), "perhaps", exemption);
  for (const other of ["ip daddr 192.0.2.11 accept", `iifname "docker0" return`, "tcp dport 81 drop"]) {
    assert.equal(lastShare([other, proxy]), "all", other);
  }
  assert.equal(lastShare([proxy, "accept"]), "all", "it comes too late");

  const parts = (rule: string) =>
    `	chain own { # handle 3
		${rule} # handle 4
	}

	chain web { # handle 5
		redirect to :8080 # handle 6
	}

`;
  assert.equal(lastShare(["jump own", proxy], parts("accept")), "perhaps", "that is the end of all chains");
  assert.equal(lastShare(["jump own", proxy], parts("return")), "all", "it goes on where it came from");
  assert.equal(lastShare(["ip daddr 192.0.2.10 goto own", proxy], parts("counter")), "perhaps");
  assert.equal(lastShare(["return", "tcp dport 80 jump web"], parts("counter")), "perhaps");
});
