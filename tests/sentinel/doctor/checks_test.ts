import assert from "node:assert/strict";
import { METHODS } from "../../../model/config.ts";
import { requirementsOf } from "../../../realserver/choose_method.ts";
import { complaintOf } from "../../../sentinel/doctor/audit_checks.ts";
import { examine } from "../../../sentinel/doctor/check.ts";
import { CHECKS } from "../../../sentinel/doctor/checks.ts";
import type { Facts, HostFacts } from "../../../sentinel/doctor/facts.ts";
import { parseIptablesTranslations } from "../../../sentinel/doctor/port_translations.ts";
import { hostState, link, REAL_SERVER_ADDRESS, sysctls, target, VIP } from "../../realserver/host_states.ts";
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

Deno.test("app-not-listening names the silent ports of a range, and no port that a rule leads to a container", () => {
  const bindings = [{
    protocol: "tcp" as const,
    ports: [{ first: 8000, last: 8003 }],
    localPort: null,
  }];
  const listeners = [8001, 8002].map((port) => ({
    protocol: "tcp" as const,
    address: VIP,
    device: null,
    port,
  }));
  const translations = parseIptablesTranslations(
    4,
    "-A PREROUTING -p tcp -m tcp --dport 8000 -j DNAT --to :80",
  );
  const problemsWith = (host: Partial<HostFacts>) =>
    examine(realServerFacts({ host, realServer: { targets: [target({ bindings })] } }), CHECKS)
      .filter(({ id }) => id === "app-not-listening").map(({ problem }) => problem).join();
  assert.match(
    problemsWith({ listeners }),
    /listens on tcp 192\.0\.2\.10:8000,8003: clients of .*:8000-8003 /,
  );
  assert.match(problemsWith({ listeners: [] }), /listens on tcp 192\.0\.2\.10:8000-8003: /);
  assert.match(problemsWith({ listeners, translations }), /listens on tcp 192\.0\.2\.10:8003: /);
});

Deno.test("app-not-listening starts the one server program that is installed and stopped, and guesses nothing else", () => {
  const web = (name: string) => ({ unit: `${name}.service`, ports: [80, 443] });
  const mail = { unit: "postfix.service", ports: [25] };
  const findingWith = (host: Partial<HostFacts>) =>
    examine(realServerFacts({ host: { listeners: [], ...host } }), CHECKS).find(({ id }) =>
      id === "app-not-listening"
    )!;
  const stopped = findingWith({ stoppedServers: [web("nginx"), mail] });
  assert.equal(stopped.fix, "systemctl start nginx.service");
  assert.deepEqual(stopped.evidence, [
    "no socket on port 80 (ss -ltnu)",
    "nginx.service is installed and does not run (systemctl status)",
  ]);
  for (const stoppedServers of [[], [mail], [web("nginx"), web("apache2")]]) {
    const { fix, advice } = findingWith({ stoppedServers });
    assert.equal(fix, null);
    assert.match(advice!, /only this host's administrator knows/);
  }
  const elsewhere = { protocol: "tcp" as const, address: "127.0.0.1", device: null, port: 80 };
  assert.equal(findingWith({ listeners: [elsewhere], stoppedServers: [web("nginx")] }).fix, null);
});

Deno.test("app-not-listening starts method redirect where all is listened on at the host's own address, and nobody runs", () => {
  const own = { protocol: "tcp" as const, address: REAL_SERVER_ADDRESS, device: null, port: 80 };
  const fixWith = ({ host, realServer, ...changes }: Parameters<typeof realServerFacts>[0] = {}) => {
    const facts = realServerFacts({
      ...changes,
      host: { listeners: [own], ...host },
      realServer: { journal: null, ...realServer },
    });
    return examine(facts, CHECKS).find(({ id }) => id === "app-not-listening")!.fix;
  };
  const role = `lvsdr realserver --vip ${VIP} --port 80 --method redirect --run-dir /run/lvsdr`;
  const removal = `ip address delete ${VIP}/32 dev lo`;
  assert.equal(fixWith(), `${removal}\n${role}`);
  const journal = {
    path: "/run/lvsdr/realserver.journal",
    steps: [],
    isKept: true,
    owner: null,
    scope: null,
  };
  const takeBack = "lvsdr realserver --undo --run-dir /run/lvsdr";
  assert.equal(fixWith({ realServer: { journal } }), `${takeBack}\n${removal}\n${role}`);
  const steps = [{ kind: "addAddress" as const, address: VIP, device: "lo" }];
  assert.equal(fixWith({ realServer: { journal: { ...journal, steps } } }), `${takeBack}\n${role}`);
  // Wherever it stands: what is left of the host's own addresses is what the rule leads to.
  const links = [link("lo"), link("eth0", `${VIP}/32`, `${REAL_SERVER_ADDRESS}/24`)];
  assert.equal(fixWith({ state: { links } }), `ip address delete ${VIP}/32 dev eth0\n${role}`);

  const of = (...ports: [first: number, last: number][]) => ({
    targets: [target({
      bindings: [{
        protocol: "tcp" as const,
        localPort: null,
        ports: ports.map(([first, last]) => ({ first, last })),
      }],
    })],
  });
  const refused = [
    { realServer: { journal: { ...journal, owner: 7 } } },
    { realServer: { method: "route" as const } },
    { realServer: of([80, 80], [81, 81]) },
    { realServer: of([80, 80], [1000, 1999]) },
    { host: { listeners: [{ ...own, address: "127.0.0.1" }] } },
    { host: { listeners: [{ ...own, address: "192.0.2.99" }] } },
  ];
  for (const changes of refused) assert.equal(fixWith(changes), null, JSON.stringify(changes));
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

Deno.test("vlan-filter says nothing of VLANs the host has an interface in, and makes one where the filter is fixed", () => {
  const findingsWith = (...known: number[]) =>
    examine(
      directorFacts({
        settings: "vlan: 7",
        director: { vlanFilters: [{ card: "eth0", isFixed: true, known: new Set(known) }] },
      }),
      CHECKS,
    ).filter(({ id }) => id === "vlan-filter");
  assert.deepEqual(findingsWith(7), []);
  assert.equal(findingsWith()[0]?.fix, "ip link add link eth0 name eth0.7 type vlan id 7");
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
