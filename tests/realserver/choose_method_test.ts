import assert from "node:assert/strict";
import { arptablesRules, ruleText } from "../../realserver/arptables_rules.ts";
import { chooseMethod, requirementsOf } from "../../realserver/choose_method.ts";
import { planSteps } from "../../realserver/requirement.ts";
import { hostState, link, REAL_SERVER_ADDRESS, target, VIP } from "./host_states.ts";

const AIM = { targets: [target()], wantedDevice: null, looseDevices: new Set<number>() };
const ON_NIC = [link("lo"), link("eth0", "192.0.2.21/24", `${VIP}/32`)];

Deno.test("chooseMethod() takes loopback on an ordinary host", () => {
  assert.equal(chooseMethod(hostState(), AIM).method, "loopback");
});

Deno.test("chooseMethod() takes nft where sysctls are read-only, arptables where nft is missing", () => {
  const readOnly = { areSysctlsWritable: false };
  assert.equal(chooseMethod(hostState(readOnly), AIM).method, "nft");
  const choice = chooseMethod(hostState({ ...readOnly, programs: new Set(["arptables"]) }), AIM);
  assert.equal(choice.method, "arptables");
  assert.match(choice.reason, /read-only.*nft is missing/);
  assert.throws(() => chooseMethod(hostState({ ...readOnly, programs: new Set() }), AIM), { exitCode: 69 });
});

Deno.test("chooseMethod() takes nft where the VIP is on a NIC already", () => {
  const choice = chooseMethod(hostState({ links: ON_NIC }), AIM);
  assert.equal(choice.method, "nft");
  assert.match(choice.reason, /on eth0 already/);
});

Deno.test("chooseMethod() takes loopback where the VIP is on a dummy interface", () => {
  const links = [link("lo"), link("eth0", `${REAL_SERVER_ADDRESS}/24`), link("dummy0", `${VIP}/32`)];
  assert.equal(chooseMethod(hostState({ links }), AIM).method, "loopback");
});

Deno.test("chooseMethod() stays with a method that is in force", () => {
  const arptablesRulesInForce = new Map(
    arptablesRules(AIM.targets).map((rule) => [ruleText(rule), "in force"] as const),
  );
  const choice = chooseMethod(hostState({ links: ON_NIC, arptablesRules: arptablesRulesInForce }), AIM);
  assert.deepEqual(choice, { method: "arptables", reason: "it is in force already" });
});

Deno.test("every method adds the VIP after everything that hides it, and redirect adds none", () => {
  for (const method of ["loopback", "arptables", "nft", "route"] as const) {
    const kinds = planSteps(requirementsOf(method, hostState(), AIM)).map(({ kind }) => kind);
    const exposing = method === "route" ? "addLocalRoute" : "addAddress";
    assert.equal(kinds.indexOf(exposing), kinds.length - 1, method);
    assert(kinds.length > 1, method);
  }
  const redirect = planSteps(requirementsOf("redirect", hostState(), AIM));
  assert.deepEqual(redirect.map(({ kind }) => kind), ["nftTable"]);
});

Deno.test("redirect without ports is a usage error, ARP rules without an own address a missing one", () => {
  const noPorts = {
    targets: [target({ bindings: [] })],
    wantedDevice: null,
    looseDevices: new Set<number>(),
  };
  assert.throws(() => requirementsOf("redirect", hostState(), noPorts), { exitCode: 64 });
  const noAddress = {
    targets: [target({ realServerAddress: null })],
    wantedDevice: null,
    looseDevices: new Set<number>(),
  };
  assert.throws(() => requirementsOf("nft", hostState(), noAddress), { exitCode: 69 });
  assert.throws(() => requirementsOf("arptables", hostState(), noAddress), { exitCode: 69 });
  assert.doesNotThrow(() => requirementsOf("loopback", hostState(), noAddress));
});

Deno.test("a table lvsdr with other rules is refused, never replaced", () => {
  const nftTables = new Map([["arp" as const, { flags: "", chains: [] }]]);
  const requirements = requirementsOf("nft", hostState({ nftTables }), AIM);
  const table = requirements.find(({ fact }) => fact === "nft table arp lvsdr")!;
  assert.equal(table.holds, false);
  assert.deepEqual(table.steps, []);
  assert.match(table.remedy ?? "", /nft delete table arp lvsdr/);
});

Deno.test("chooseMethod() takes redirect where a port is translated, and no other method may be asked for", () => {
  const bindings = [{ protocol: "tcp" as const, ports: [{ first: 80, last: 80 }], localPort: 8080 }];
  const aim = { ...AIM, targets: [target({ bindings })] };
  assert.equal(chooseMethod(hostState(), aim).method, "redirect");
  assert.throws(() => requirementsOf("loopback", hostState(), aim), {
    exitCode: 64,
    message: /port 80 to port 8080/,
  });
});

Deno.test("an IPv6 VIP needs no sysctls, and arptables is neither chosen nor accepted for it", () => {
  const aim = { ...AIM, targets: [target({ vip: "2001:db8::10", realServerAddress: null })] };
  assert.equal(chooseMethod(hostState({ areSysctlsWritable: false }), aim).method, "loopback");
  assert.deepEqual(planSteps(requirementsOf("loopback", hostState(), aim)), [
    { kind: "addAddress", address: "2001:db8::10", device: "lo" },
  ]);
  assert.throws(() => requirementsOf("arptables", hostState(), aim), { exitCode: 64 });
});

Deno.test("redirect uses iptables where nft is missing, one rule for each range of ports", () => {
  const ports = [{ first: 80, last: 80 }, { first: 8000, last: 8010 }];
  const aim = { ...AIM, targets: [target({ bindings: [{ protocol: "udp", ports, localPort: null }] })] };
  const programs = new Set(["iptables", "ip6tables"] as const);
  assert.deepEqual(
    planSteps(requirementsOf("redirect", hostState({ programs }), aim)),
    [
      ["-d", VIP, "-p", "udp", "--dport", "80", "-j", "REDIRECT"],
      ["-d", VIP, "-p", "udp", "--dport", "8000:8010", "-j", "REDIRECT"],
    ].map((args) => ({ kind: "iptablesRule", program: "iptables", args })),
  );
});
