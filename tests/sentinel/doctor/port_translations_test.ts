import assert from "node:assert/strict";
import {
  isTranslated,
  parseIptablesTranslations,
  parseNftTranslations,
} from "../../../sentinel/doctor/port_translations.ts";

const VIP = "192.0.2.10";
const PORTS = [53, 79, 80, 443, 8000, 8002, 8004];

function translated(
  translations: ReturnType<typeof parseNftTranslations>,
  protocol: "tcp" | "udp",
  address = VIP,
): number[] {
  return PORTS.filter((port) => isTranslated(translations, { protocol, address, port }));
}

Deno.test("parseNftTranslations() knows ports, ranges and destinations of rules that redirect, by family", () => {
  // As nft 1.0.6 lists rules of iptables-nft(8) and of its own.
  const translations = parseNftTranslations(`table ip nat {
	chain PREROUTING {
		type nat hook prerouting priority dstnat; policy accept;
		meta l4proto tcp fib daddr type local tcp dport 80 counter packets 0 bytes 0 dnat to 172.17.0.2:80
		ip daddr 198.51.100.7 tcp dport 443 dnat to 172.17.0.2
		tcp dport 79 accept
	}
}
table inet own {
	chain pre {
		ip daddr 192.0.2.10 tcp dport { 8000-8003 } dnat ip to 172.17.0.3
		ip daddr != 10.0.0.0/8 udp dport 53 counter packets 0 bytes 0 redirect to :5353
	}
}
`);
  assert.deepEqual(translated(translations, "tcp"), [80, 8000, 8002]);
  assert.deepEqual(translated(translations, "tcp", "198.51.100.7"), [80, 443]);
  assert.deepEqual(translated(translations, "tcp", "2001:db8::10"), []);
  assert.deepEqual(translated(translations, "udp", "2001:db8::10"), [53]);
});

Deno.test("parseIptablesTranslations() reads what iptables-save(8) writes, negations and lists among it", () => {
  const translations = parseIptablesTranslations(
    4,
    `*nat
-A PREROUTING ! -d 10.0.0.0/8 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80
-A PREROUTING -d 192.0.2.0/28 -p tcp -m multiport --dports 443,8000:8003 -j REDIRECT --to-ports 99
-A PREROUTING -p tcp -m tcp --dport 53 -j ACCEPT
COMMIT
`,
  );
  assert.deepEqual(translated(translations, "tcp"), [80, 443, 8000, 8002]);
  assert.deepEqual(translated(translations, "tcp", "192.0.2.99"), [80]);
  assert.deepEqual(translated(translations, "udp"), []);
});
