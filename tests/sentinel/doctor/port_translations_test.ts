import assert from "node:assert/strict";
import { parseIptablesTranslations } from "../../../host/iptables_translations.ts";
import { parseNftTranslations } from "../../../host/nft_translations.ts";
import type { Translation } from "../../../host/translations.ts";
import { isTranslated } from "../../../sentinel/doctor/port_translations.ts";

const VIP = "192.0.2.10";

function isWebTranslated(translations: readonly Translation[], address = VIP): boolean {
  return isTranslated(translations, { protocol: "tcp", address, port: 80, device: "eth0" });
}

/** The chain of a table, as nft lists it. */
function chain(hook: string, rule: string): string {
  return `table inet own { # handle 1
	chain any { # handle 1
		type nat hook ${hook} priority -100; policy accept;
		${rule} # handle 2
	}
}
`;
}

Deno.test("isTranslated() counts rules that take every client's packets for the port, or may", () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["fib daddr type local tcp dport 80 dnat ip to 172.17.0.2:80", true],
    ["ip daddr { 192.0.2.10, 192.0.2.11 } tcp dport { 80, 443 } redirect to :8080", true],
    ["ip daddr { 192.0.2.11, 192.0.2.12 } tcp dport 80 redirect to :8080", false],
    ["ip daddr @unknown tcp dport 80 redirect to :8080", true],
    ["ip saddr 10.0.0.0/8 tcp dport 80 redirect to :8080", false],
    [`iifname "docker0" tcp dport 80 redirect to :8080`, false],
    ["tcp dport 443 redirect to :8080", false],
  ];
  for (const [rule, isTaken] of cases) {
    assert.equal(isWebTranslated(parseNftTranslations(chain("prerouting", rule))), isTaken, rule);
  }
  assert.equal(
    isWebTranslated(parseNftTranslations(chain("prerouting", "tcp dport 80 redirect")), "2001:db8::10"),
    true,
  );
});

Deno.test("isTranslated() takes no rule for what this host sends for one of what it is sent", () => {
  const proxy = "-A OUTPUT -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3128";
  assert.equal(isWebTranslated(parseIptablesTranslations(4, proxy)), false);
  assert.equal(isWebTranslated(parseIptablesTranslations(4, proxy.replace("OUTPUT", "PREROUTING"))), true);
  for (const hook of ["output", "postrouting", "input"]) {
    assert.equal(isWebTranslated(parseNftTranslations(chain(hook, "tcp dport 80 redirect"))), false, hook);
  }
});
