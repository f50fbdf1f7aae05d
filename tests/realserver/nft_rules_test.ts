import assert from "node:assert/strict";
import {
  arpTable,
  isSameTable,
  ndpTable,
  parseChains,
  redirectTable,
  renderTable,
} from "../../realserver/nft_rules.ts";
import { REAL_SERVER_ADDRESS, target, VIP } from "./host_states.ts";

Deno.test("renderTable() writes single ports, ranges and sets as nft(8) does", () => {
  const bindings = [
    { protocol: "tcp" as const, ports: [{ first: 80, last: 80 }], localPort: null },
    { protocol: "udp" as const, ports: [{ first: 1, last: 65535 }], localPort: null },
    {
      protocol: "tcp" as const,
      ports: [{ first: 443, last: 443 }, { first: 8000, last: 8010 }],
      localPort: null,
    },
  ];
  const text = renderTable(redirectTable([target({ bindings })]));
  assert(text.startsWith("create table inet lvsdr\n"), "a table of somebody else's must make loading fail");
  assert(text.includes(`ip daddr ${VIP} tcp dport 80 counter redirect\n`));
  assert(text.includes(`ip daddr ${VIP} udp dport 1-65535 counter redirect\n`));
  assert(text.includes(`ip daddr ${VIP} tcp dport { 443, 8000-8010 } counter redirect\n`));
});

Deno.test("redirectTable() joins ports that touch and sorts them, as nft(8) does by itself", () => {
  const dport = (...ports: (readonly [number, number])[]) => {
    const ranges = ports.map(([first, last]) => ({ first, last }));
    const bindings = [{ protocol: "tcp" as const, ports: ranges, localPort: null }];
    return /dport (.*) counter/.exec(renderTable(redirectTable([target({ bindings })])))![1];
  };
  assert.equal(dport([80, 80], [81, 81]), "80-81");
  assert.equal(dport([8000, 8010], [80, 80], [81, 81]), "{ 80-81, 8000-8010 }");
  assert.equal(dport([80, 80], [82, 82]), "{ 80, 82 }");
  assert.equal(dport([1, 100], [50, 60]), "1-100");
});

Deno.test("arpTable() drops requests for the VIP and replies from it, and asks by the own address", () => {
  const text = renderTable(arpTable([{ ...target(), realServerAddress: REAL_SERVER_ADDRESS }]));
  const rules = text.split("\n").map((line) => line.trim()).filter((line) => line.startsWith("arp "));
  assert.deepEqual(rules, [
    `arp operation request arp daddr ip ${VIP} counter drop`,
    `arp operation reply arp saddr ip ${VIP} counter drop`,
    `arp operation request arp saddr ip ${VIP} counter arp saddr ip set ${REAL_SERVER_ADDRESS}`,
  ]);
});

Deno.test("isSameTable() looks past counters and handles, and at flags, policy, priority and every rule", () => {
  const redirect = redirectTable([target()]);
  const chain = {
    name: "prerouting",
    type: "nat",
    hook: "prerouting",
    prio: -101,
    policy: "accept",
    handle: 1,
  };
  const match = (protocol: string, field: string, right: unknown) => ({
    match: { op: "==", left: { payload: { protocol, field } }, right },
  });
  const counter = { counter: { packets: 7, bytes: 420 } };
  const rule = {
    chain: "prerouting",
    handle: 2,
    expr: [match("ip", "daddr", VIP), match("tcp", "dport", 80), counter, { redirect: null }],
  };
  const listing = (...objects: unknown[]) => ({
    flags: "",
    chains: parseChains(JSON.stringify({ nftables: objects })),
  });
  assert.equal(isSameTable(redirect, listing({ chain }, { rule })), true);
  assert.equal(isSameTable(redirect, { ...listing({ chain }, { rule }), flags: "dormant" }), false);
  assert.equal(isSameTable(redirect, listing({ chain })), false);
  assert.equal(isSameTable(redirect, listing({ chain }, { rule }, { rule })), false);
  assert.equal(isSameTable(redirect, listing({ chain: { ...chain, policy: "drop" } }, { rule })), false);
  assert.equal(isSameTable(redirect, listing({ chain: { ...chain, prio: 0 } }, { rule })), false);
});

Deno.test("redirectTable() names a port of its own only where it is another, and the VIP's family", () => {
  const bindings = [{ protocol: "tcp" as const, ports: [{ first: 80, last: 80 }], localPort: 8080 }];
  const text = renderTable(redirectTable([target({ bindings }), target({ vip: "2001:db8::10" })]));
  assert(text.includes(`ip daddr ${VIP} tcp dport 80 counter redirect to :8080\n`));
  assert(text.includes("ip6 daddr 2001:db8::10 tcp dport 80 counter redirect\n"));
});

Deno.test("ndpTable() is recognised whether nft lists the target by its place or by its name", () => {
  const table = ndpTable([target({ vip: "2001:db8::10", realServerAddress: null })]);
  const chain = (name: string) => ({
    chain: { name, type: "filter", hook: name, prio: 0, policy: "accept" },
  });
  const listing = (left: unknown, right: string) => {
    const type = (value: string) => ({
      match: { op: "==", left: { payload: { protocol: "icmpv6", field: "type" } }, right: value },
    });
    const rule = (name: string, value: string) => ({
      rule: { chain: name, expr: [type(value), { match: { op: "==", left, right } }, { drop: null }] },
    });
    const rules = [rule("input", "nd-neighbor-solicit"), rule("output", "nd-neighbor-advert")];
    const nftables = [chain("input"), chain("output"), ...rules];
    return { flags: "", chains: parseChains(JSON.stringify({ nftables })) };
  };
  const place = { payload: { base: "th", offset: 64, len: 128 } };
  const name = { payload: { protocol: "icmpv6", field: "taddr" } };
  assert.equal(isSameTable(table, listing(place, "0x20010db8000000000000000000000010")), true);
  assert.equal(isSameTable(table, listing(name, "2001:db8::10")), true);
  assert.equal(isSameTable(table, listing(name, "2001:db8::11")), false);
});
