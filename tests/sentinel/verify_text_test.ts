import assert from "node:assert/strict";
import type { Verification } from "../../sentinel/verification.ts";
import { verificationText } from "../../sentinel/verify_text.ts";

const GOOD: Verification = {
  ok: true,
  views: [{ interface: "eth0", probeAddress: "192.0.2.200", displaced: null }],
  audits: [{ server: "192.0.2.21", vip: "192.0.2.10", verdict: "hardened", mac: "02:00:00:00:00:15" }],
  holders: [{ vip: "192.0.2.10", macs: [], isOurs: false }],
  proofs: [
    {
      ...{
        service: "web",
        vip: "192.0.2.10",
        protocol: "tcp",
        ports: { first: 80, last: 80 },
        server: "192.0.2.21",
      },
      outcome: { verdict: "ok" },
    },
    {
      ...{
        service: "dns",
        vip: "192.0.2.10",
        protocol: "udp",
        ports: { first: 53, last: 53 },
        server: "192.0.2.21",
      },
      outcome: { verdict: "not_provable", reason: "UDP answers nothing by itself" },
    },
  ],
  findings: [],
};

Deno.test("verificationText() says that all is well, and what could not be proven", () => {
  assert.equal(
    verificationText(GOOD),
    `Direct routing works, seen from eth0: 1 path proven, 1 not provable

ARP and NDP: each real server was asked for each VIP and must keep silent
  Server      MAC                VIP         Verdict
  192.0.2.21  02:00:00:00:00:15  192.0.2.10  hardened

Path: a SYN to each real server's MAC, from 192.0.2.200
  Service  VIP                Server      Verdict
  web      192.0.2.10:80      192.0.2.21  ok
  dns      192.0.2.10:53/udp  192.0.2.21  not provable: UDP answers nothing by itself
`,
  );
});

Deno.test("verificationText() ends with what to type where", () => {
  const host = "192.0.2.21";
  const text = verificationText({
    ...GOOD,
    ok: false,
    audits: [{ server: host, vip: "192.0.2.10", verdict: "unreachable", mac: null }],
    holders: [{ vip: "192.0.2.10", macs: ["02:00:00:00:00:99"], isOurs: false }],
    proofs: [{ ...GOOD.proofs[0]!, outcome: { verdict: "wrong_source", source: host } }],
    findings: [
      { verdict: "wrong_source", host, problem: "It is broken", command: "mend it" },
      { verdict: "answers", host: "192.0.2.22", problem: "Another is broken", command: "mend it" },
      { verdict: "unreachable", host, problem: "It is broken twice", command: "mend it" },
    ],
  });
  assert.match(text, /^Direct routing is broken, seen from eth0: 3 problems, see below\n/);
  assert.match(text, /192\.0\.2\.21 {2}unknown {2}192\.0\.2\.10 {2}unreachable\n/);
  assert.match(text, /192\.0\.2\.10 is answered for by 02:00:00:00:00:99, no real server: right if/);
  assert.match(text, /answers from another address \(192\.0\.2\.21\)\n/);
  const ends = "\nIt is broken\nIt is broken twice\n  on 192.0.2.21: mend it\n" +
    "\nAnother is broken\n  on 192.0.2.22: mend it\n";
  assert(text.endsWith(ends), text);
});

Deno.test("verificationText() names every interface and address, and brackets those of IPv6", () => {
  const text = verificationText({
    ...GOOD,
    views: [...GOOD.views, { interface: "eth0", probeAddress: "2001:db8::c8", displaced: null }, {
      interface: "eth1",
      probeAddress: null,
      displaced: null,
    }],
    proofs: [{ ...GOOD.proofs[0]!, vip: "2001:db8::10", server: "2001:db8::21" }],
  });
  assert.match(text, /^Direct routing works, seen from eth0, eth1: 1 path proven\n/);
  assert.match(text, /^Path: a SYN to each real server's MAC, from 192\.0\.2\.200, 2001:db8::c8$/m);
  assert.match(text, /\[2001:db8::10\]:80 {2}2001:db8::21 {2}ok\n/);
});

Deno.test("verificationText() says why proofs were not made from the configured address, or not at all", () => {
  const displaced = { address: "192.0.2.200", mac: "02:00:00:00:00:02", isOurs: false };
  const text = verificationText({
    ...GOOD,
    views: [{ interface: "eth0", probeAddress: "192.0.2.77", displaced }],
  });
  assert.match(
    text,
    /^Path: .* from 192\.0\.2\.77 \(director\.probe_address 192\.0\.2\.200 is in use by 02:00:00:00:00:02\)$/m,
  );
  const beside = verificationText({
    ...GOOD,
    views: [{ interface: "eth0", probeAddress: "192.0.2.77", displaced: { ...displaced, isOurs: true } }],
  });
  assert.match(
    beside,
    /192\.0\.2\.77 \(director\.probe_address 192\.0\.2\.200 is in use by the director on this host\)$/m,
  );
  const none = verificationText({ ...GOOD, views: [{ interface: "eth0", probeAddress: null, displaced }] });
  assert.match(none, /^Path: nothing probed$/m);
});

Deno.test("verificationText() does not call right who has a VIP besides the director on this host", () => {
  const text = verificationText({
    ...GOOD,
    holders: [{ vip: "192.0.2.10", macs: ["02:00:00:00:00:99"], isOurs: true }],
  });
  assert.doesNotMatch(text, /right if that is the director/);
});
