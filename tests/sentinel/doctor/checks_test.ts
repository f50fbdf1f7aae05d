import assert from "node:assert/strict";
import { METHODS } from "../../../model/config.ts";
import { requirementsOf } from "../../../realserver/choose_method.ts";
import { complaintOf } from "../../../sentinel/doctor/audit_checks.ts";
import { examine } from "../../../sentinel/doctor/check.ts";
import { CHECKS } from "../../../sentinel/doctor/checks.ts";
import type { Facts, HostFacts } from "../../../sentinel/doctor/facts.ts";
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
  const aim = { targets: [target()], wantedDevice: null, looseDevices: new Set(["eth0"]) };
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

Deno.test("app-not-listening accepts any address, the VIP, and with redirect the interface's first address only", () => {
  const listening = (address: string, device: string | null = null) => ({
    listeners: [{ protocol: "tcp" as const, address, device, port: 80 }],
  });
  const isSilent = (facts: Facts) => examine(facts, CHECKS).some(({ id }) => id === "app-not-listening");
  for (const address of ["0.0.0.0", "*", VIP]) {
    assert(!isSilent(realServerFacts({ host: listening(address) })), address);
  }
  assert(!isSilent(realServerFacts({ host: listening("0.0.0.0", "eth0") })));
  assert(isSilent(realServerFacts({ host: listening("0.0.0.0", "eth1") })));
  assert(isSilent(realServerFacts({ host: listening("::") })));

  // Redirected, with the rules in force.
  const redirected = (host: Partial<HostFacts>) =>
    realServerFacts({
      method: "redirect",
      state: { links: [link("lo"), ETH0] },
      host,
      realServer: { requirements: [] },
    });
  assert(!isSilent(redirected(listening("192.0.2.21"))));
  assert(isSilent(redirected(listening(VIP))));
  assert(isSilent(redirected(listening("127.0.0.1"))));
});

Deno.test("app-not-listening looks at the port that a redirect translates to, and at no range of many ports", () => {
  const bound = (binding: Parameters<typeof target>[0]) =>
    examine(
      realServerFacts({ realServer: { targets: [target(binding)], requirements: [], method: "redirect" } }),
      CHECKS,
    )
      .filter(({ id }) => id === "app-not-listening").map(({ problem }) => problem);
  const ports = [{ first: 80, last: 80 }];
  assert.match(
    bound({ bindings: [{ protocol: "tcp", ports, localPort: 8080 }] }).join(),
    /192\.0\.2\.21:8080/,
  );
  assert.deepEqual(
    bound({ bindings: [{ protocol: "tcp", ports: [{ first: 1, last: 65535 }], localPort: null }] }),
    [],
  );
});

Deno.test("not-held says nothing where files of sysctl.d set what the method needs", () => {
  const lines = [["arp_ignore", "1"], ["arp_announce", "2"]].map(([name, value]) => ({
    key: `net/ipv4/conf/all/${name}`,
    value: value!,
    path: "/etc/sysctl.d/lvs.conf",
  }));
  const ids = (sysctlFiles: typeof lines) =>
    examine(realServerFacts({ realServer: { journal: null }, host: { sysctlFiles } }), CHECKS).map(({ id }) =>
      id
    );
  assert(!ids(lines).includes("not-held"));
  assert(ids(lines.slice(1)).includes("not-held"));
});
