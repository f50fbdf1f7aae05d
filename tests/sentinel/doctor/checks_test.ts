import assert from "node:assert/strict";
import type { Step } from "../../../host/step.ts";
import { METHODS } from "../../../model/config.ts";
import { requirementsOf } from "../../../realserver/choose_method.ts";
import { complaintOf } from "../../../sentinel/doctor/audit_checks.ts";
import { examine } from "../../../sentinel/doctor/check.ts";
import { CHECKS } from "../../../sentinel/doctor/checks.ts";
import type { Facts } from "../../../sentinel/doctor/facts.ts";
import { hostState, link, sysctls, target, VIP } from "../../realserver/host_states.ts";
import { CASES, ETH0 } from "./doctor_cases.ts";
import { directorFacts, realServerFacts } from "./recorded_facts.ts";

for (const [id, { facts, evidence, fix }] of Object.entries(CASES)) {
  Deno.test(`doctor's check ${id} speaks when its facts are there, with evidence and the command`, () => {
    const found = examine(facts, CHECKS).find((finding) => finding.id === id);
    assert(found !== undefined, examine(facts, CHECKS).map((finding) => finding.id).join());
    assert.equal(found.evidence[0] ?? null, evidence);
    assert.equal(found.fix, fix);
    assert(fix !== null || found.advice !== null || found.level === "note", "something helps");
    for (const text of [found.problem, found.cause, found.advice ?? "x"]) {
      assert.doesNotMatch(text, /\.$|undefined|null/);
    }
  });
}

Deno.test("doctor's every check has a case here and a section of the README, and no section is of no check", () => {
  const ids = CHECKS.map(({ id }) => id);
  assert.deepEqual(Object.keys(CASES), ids);
  const readme = Deno.readTextFileSync(new URL("../../../README.md", import.meta.url));
  const section = readme.split(/^## /m).find((text) => text.startsWith("Doctor\n"))!;
  assert.deepEqual([...section.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading), ids);
});

Deno.test("doctor finds nothing on a director and on a real server that are well", () => {
  for (const facts of [directorFacts(), realServerFacts()]) {
    assert.deepEqual(examine(facts, CHECKS).filter(({ level }) => level !== "note"), []);
  }
});

Deno.test("doctor has a name for whatever a method requires and a host lacks", () => {
  const aim = { targets: [target()], wantedDevice: null, looseDevices: new Set([2]) };
  const aim6 = { ...aim, targets: [target({ vip: "2001:db8::10", realServerAddress: "2001:db8::21" })] };
  const bare = {
    sysctls: new Map([...sysctls({ all: [0, 0, 1], eth0: [0, 0, 1] }), [
      "net/ipv6/conf/lo/disable_ipv6",
      "1",
    ]]),
  };
  const states = [
    hostState(bare),
    hostState({ ...bare, programs: new Set(["iptables", "ip6tables"]) }),
    hostState({
      ...bare,
      links: [{ ...link("lo"), isUp: false }, link("eth0", `${VIP}/24`, "2001:db8::10/64")],
    }),
  ];
  for (const state of states) {
    for (const [method, of] of METHODS.flatMap((method) => [[method, aim], [method, aim6]] as const)) {
      if (method === "arptables" && of === aim6) continue;
      for (const requirement of requirementsOf(method, state, of).filter(({ holds }) => !holds)) {
        if (requirement.fact.startsWith("rp_filter on ")) continue;
        const complaint = complaintOf(requirement, realServerFacts());
        assert(complaint !== null, `${method}: ${requirement.fact}`);
      }
    }
  }
});

Deno.test("vip-prefix keeps the host's own address of the subnet when the VIP was there first", () => {
  const links = [link("lo"), link("eth0", `${VIP}/24`, "192.0.2.21/24")];
  const found = examine(realServerFacts({ state: { links } }), CHECKS).find(({ id }) => id === "vip-prefix");
  assert.deepEqual(found?.fix?.split("\n"), [
    `ip address add ${VIP}/32 dev lo`,
    "sysctl -w net.ipv4.conf.eth0.promote_secondaries=1",
    `ip address delete ${VIP}/24 dev eth0`,
  ]);
});

Deno.test("doctor sets an interface up that has the VIP and answers nobody, once the host is silent about it", () => {
  const bare = sysctls({ all: [0, 0, 0], eth0: [0, 0, 0], dummy0: [0, 0, 0] });
  for (const [id, name] of [["loopback-down", "lo"], ["interface-unusable", "dummy0"]] as const) {
    const down = { ...link(name, `${VIP}/32`), isUp: false };
    const links = name === "lo" ? [down, ETH0] : [link("lo"), ETH0, { ...down, index: 3 }];
    const found = examine(realServerFacts({ state: { links, sysctls: bare } }), CHECKS);
    assert.deepEqual(found.slice(0, 3).map((finding) => finding.id), ["arp-ignore", "arp-announce", id]);
    assert.deepEqual([found[2]!.fix, found[2]!.advice], [`ip link set ${name} up`, null]);
  }
});

Deno.test("doctor shows errors first, whatever the order of the checks", () => {
  const facts = realServerFacts({
    state: { sysctls: sysctls({ all: [0, 0, 0], eth0: [0, 0, 0] }) },
    realServer: { journal: null },
    host: { listeners: [] },
  });
  const findings = examine(facts, CHECKS.toReversed());
  const levels = findings.map(({ level }) => level);
  assert.deepEqual(levels, ["error", "error", "error", "warning", "note"]);
});

Deno.test("rp-filter says nothing of packets that were dropped when the filter is as it must be", () => {
  const facts = realServerFacts({
    state: { sysctls: sysctls({ all: [1, 2, 1], eth0: [0, 0, 0] }) },
    host: { reversePathDrops: 9 },
  });
  assert.deepEqual(examine(facts, CHECKS).filter(({ level }) => level !== "note"), []);
});

Deno.test("rp-filter is a fault where a narrower route leads elsewhere only while packets are dropped", () => {
  const routes = [1, 2, 3, 4, 5].map((net) => ({ prefix: `10.${net}.0.0/16`, device: "eth1" }));
  const found = (later: number) =>
    examine(
      realServerFacts({ realServer: { strictInterfaces: [{ device: "eth0", routes, drops: [7, later] }] } }),
      CHECKS,
    ).filter(({ id }) => id.startsWith("rp-filter"));
  const [note, ...others] = found(7);
  assert.deepEqual([note!.id, note!.level, others], ["rp-filter-strict", "note", []]);
  const [error, ...more] = found(9);
  assert.deepEqual([error!.id, error!.level, more], ["rp-filter", "error", []]);
  assert.equal(error!.fix, "sysctl -w net.ipv4.conf.eth0.rp_filter=2");
  assert(error!.evidence.includes("IPReversePathFilter = 7, and 9 a second later, in /proc/net/netstat"));
  assert(error!.evidence.includes("10.5.0.0/16 dev eth1 (ip route show table all)"));
  for (const { problem } of [note!, error!]) {
    assert.match(problem, /10\.1\.0\.0\/16, 10\.2\.0\.0\/16, 10\.3\.0\.0\/16, 10\.4\.0\.0\/16 and 1 more/);
  }
});

Deno.test("director-is-realserver names an address once, however many services list it", () => {
  const facts = directorFacts({ servers: "[{ address: 192.0.2.2 }]" });
  const [service] = facts.file!.config.services;
  const config = { ...facts.file!.config, services: [service!, structuredClone(service!)] };
  const found = examine({ ...facts, file: { path: "/etc/lvsdr.yaml", config } }, CHECKS);
  assert.equal(found.filter(({ id }) => id === "director-is-realserver").length, 1);
});

Deno.test("vlan-filter makes an interface in each VLAN where the filter is fixed, with names that the kernel takes", () => {
  const fixOn = (device: string, ...others: string[]) =>
    examine(
      directorFacts({
        settings: "vlan: 7",
        director: { device, filteringCards: [{ name: device, isFixed: true, missing: [7, 100] }] },
        host: { links: [device, ...others].map((name) => link(name)) },
      }),
      CHECKS,
    ).find(({ id }) => id === "vlan-filter")?.fix?.split("\n");
  assert.deepEqual(fixOn("eth0"), [
    "ip link add link eth0 name eth0.7 type vlan id 7",
    "ip link add link eth0 name eth0.100 type vlan id 100",
  ]);
  assert.deepEqual(fixOn("enp130s0f0np0", "vlan100"), [
    "ip link add link enp130s0f0np0 name enp130s0f0np0.7 type vlan id 7",
    "ip link add link enp130s0f0np0 name vlan100-2 type vlan id 100",
  ]);
});

Deno.test("director-not-undone is about what has no owner, and tells a director how else to end it", () => {
  const journal = CASES["director-not-undone"]!.facts.directorJournal!;
  const found = (changes: Partial<typeof journal>, facts: Facts) =>
    examine({ ...facts, directorJournal: { ...journal, ...changes } }, CHECKS)
      .find(({ id }) => id === "director-not-undone");
  assert.equal(found({ owner: 7 }, directorFacts()), undefined, "a director runs");
  assert.equal(found({ steps: [] }, directorFacts()), undefined, "nothing is left");
  assert.match(found({}, directorFacts())!.advice!, /^Or start a director/);
  assert.equal(found({}, realServerFacts())!.advice, null);
  assert.equal(found({}, realServerFacts())!.level, "error", "its clients are dropped");
  const offload: Step = { kind: "setSysctl", key: "net/ipv4/ip_forward", value: "0", previous: "1" };
  assert.equal(found({ steps: [offload] }, realServerFacts())!.level, "warning");
  assert.equal(found({}, directorFacts())!.level, "warning");
  assert.deepEqual(found({}, directorFacts())!.evidence.slice(1), [
    "load nft table netdev lvsdr_director_eth0",
  ]);
});

Deno.test("routed-clients says nothing where the host does not forward, or has no other place to route for", () => {
  const isNoted = (sysctls: Readonly<Record<string, string>>, ...others: Facts["host"]["links"]) =>
    examine(
      directorFacts({
        host: {
          links: [link("lo", "127.0.0.1/8"), link("eth0", "192.0.2.2/24"), ...others],
          sysctls: new Map(Object.entries(sysctls)),
        },
      }),
      CHECKS,
    ).some(({ id }) => id === "routed-clients");
  const forwarding = { "net/ipv4/ip_forward": "1" };
  const other = link("docker0", "172.17.0.1/16");
  assert(isNoted(forwarding, other));
  assert(!isNoted({ "net/ipv4/ip_forward": "0" }, other));
  assert(!isNoted({ "net/ipv6/conf/all/forwarding": "1" }, other), "there is no IPv6 VIP");
  assert(!isNoted(forwarding));
  assert(!isNoted({ ...forwarding, "net/ipv4/conf/docker0/forwarding": "0" }, other), "not from there");
  assert(!isNoted(forwarding, { ...other, isUp: false }));
  assert(!isNoted(forwarding, link("eth1")), "nobody is behind it");
  assert(!isNoted(forwarding, link("eth0.7", "192.0.2.3/24")), "it has the VIP's subnet");
});

Deno.test("keepalived is stopped by its unit where it is the main process of one", () => {
  const keepalived = [{ pid: 9, unit: "keepalived.service", path: "/etc/k.conf", text: VIP }];
  const found = examine(directorFacts({ host: { keepalived } }), CHECKS).find(({ id }) =>
    id === "keepalived"
  )!;
  assert.equal(found.fix, "systemctl stop keepalived.service");
  assert.match(found.advice!, /systemctl disable keepalived\.service/);
});

Deno.test("sysctl-file knows every value that takes the hardening apart, those the kernel has no meaning for as well", () => {
  const found = (name: string, value: string) => {
    const sysctlFiles = [{ key: `net/ipv4/conf/all/${name}`, value, path: "/etc/sysctl.conf" }];
    return examine(realServerFacts({ host: { sysctlFiles } }), CHECKS).some(({ id }) => id === "sysctl-file");
  };
  for (const value of ["0", "1", "3"]) assert(found("arp_announce", value), value);
  for (const value of ["0", "3", "8", "9"]) assert(found("arp_ignore", value), value);
  assert(!found("arp_announce", "2") && !found("arp_ignore", "1") && !found("rp_filter", "1"));
});
