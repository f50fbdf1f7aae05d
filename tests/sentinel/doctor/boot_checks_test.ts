import assert from "node:assert/strict";
import type { Step } from "../../../host/step.ts";
import { type Method, METHODS } from "../../../model/config.ts";
import { examine } from "../../../sentinel/doctor/check.ts";
import { CHECKS } from "../../../sentinel/doctor/checks.ts";
import { link, target, VIP } from "../../realserver/host_states.ts";
import { configFile, realServerFacts } from "./recorded_facts.ts";

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

Deno.test("not-held says what a boot does to a host of each method, and names a method's own danger only", () => {
  const problemOf = (changes: Parameters<typeof realServerFacts>[0]) => {
    const facts = realServerFacts({ ...changes, realServer: { requirements: [], ...changes!.realServer } });
    return examine(facts, CHECKS).find(({ id }) => id === "not-held")!.problem;
  };
  const kept = (...steps: Step[]) => ({
    journal: { path: "/run/lvsdr/realserver.journal", steps, isKept: true, owner: null, scope: null },
  });
  const rules = kept({ kind: "nftTable", family: "inet", name: "lvsdr", ruleset: "" });
  const redirected = problemOf({ method: "redirect", realServer: rules });
  assert.equal(redirected, `After a boot, or when its rules are flushed, this host drops what is for ${VIP}`);
  for (const method of METHODS.filter((method) => method !== "redirect")) {
    const made: Step = method === "route"
      ? { kind: "addLocalRoute", address: VIP }
      : { kind: "addAddress", address: VIP, device: "lo" };
    assert.match(
      problemOf({ method, realServer: kept(made) }),
      /^After a boot this host drops .* until then /,
    );
    assert.match(problemOf({ method, realServer: { journal: null } }), /^Nothing keeps this host silent /);
  }
});

Deno.test("not-held speaks of a VIP that a boot takes away, though files of sysctl.d set what the method needs", () => {
  const sysctlFiles = [["arp_ignore", "1"], ["arp_announce", "2"]].map(([name, value]) => ({
    key: `net/ipv4/conf/all/${name}`,
    value: value!,
    path: "/etc/sysctl.d/lvs.conf",
  }));
  const journal = {
    path: "/run/lvsdr/realserver.journal",
    steps: [{ kind: "addAddress" as const, address: VIP, device: "lo" }],
    isKept: true,
    owner: null,
    scope: null,
  };
  const found = examine(realServerFacts({ host: { sysctlFiles }, realServer: { journal } }), CHECKS);
  assert.deepEqual(found.filter(({ level }) => level !== "note").map(({ id }) => id), ["not-held"]);
});

Deno.test("not-held gives no command while app-not-listening has commands that hold the host", () => {
  const listeners = [{ protocol: "tcp" as const, address: "192.0.2.21", device: null, port: 80 }];
  const findingsWith = (port: number) =>
    examine(
      realServerFacts({
        host: { listeners },
        realServer: {
          journal: null,
          targets: [target({
            bindings: [{ protocol: "tcp", ports: [{ first: port, last: port }], localPort: null }],
          })],
        },
      }),
      CHECKS,
    );
  const [silent, held] = findingsWith(80);
  assert.match(silent!.fix!, /--method redirect/);
  assert.deepEqual([held!.id, held!.fix], ["not-held", null]);
  assert.match(held!.advice!, /^The commands of app-not-listening mend this as well/);
  assert.match(findingsWith(81)[1]!.fix!, /--method loopback/);
});

Deno.test("not-held starts the method in force where a configuration says another, or nothing", () => {
  const { config, path } = configFile();
  const table: Step = { kind: "nftTable", family: "inet", name: "lvsdr", ruleset: "" };
  const fixWith = (method: Method | "auto", isKept: boolean) => {
    const journal = {
      path: "/run/lvsdr/realserver.journal",
      steps: [table],
      isKept,
      owner: null,
      scope: null,
    };
    const facts = realServerFacts({ method: "redirect", realServer: { requirements: [], journal } });
    const file = { path, config: { ...config, realserver: { ...config.realserver, method } } };
    return examine({ ...facts, file }, CHECKS).find(({ id }) => id === "not-held")!.fix;
  };
  for (const isKept of [false, true]) {
    for (const method of ["auto", "loopback"] as const) {
      assert.equal(
        fixWith(method, isKept),
        `lvsdr realserver -c ${path} --method redirect --run-dir /run/lvsdr`,
        method,
      );
    }
    assert.equal(fixWith("redirect", isKept), `lvsdr realserver -c ${path} --run-dir /run/lvsdr`);
  }
});

Deno.test("not-held names the VIP that a boot takes away, though another one of the host's stays", () => {
  const other = "192.0.2.11";
  const targets = [target(), target({ vip: other })];
  const links = [link("lo", `${VIP}/32`, `${other}/32`), link("eth0", "192.0.2.21/24")];
  const journal = {
    path: "/run/lvsdr/realserver.journal",
    steps: [{ kind: "addAddress" as const, address: other, device: "lo" }],
    isKept: true,
    owner: null,
    scope: null,
  };
  const facts = realServerFacts({ state: { links }, realServer: { targets, journal } });
  assert.match(
    examine(facts, CHECKS).find(({ id }) => id === "not-held")!.problem,
    new RegExp(`^After a boot this host drops what is for ${other}; until then .* about ${VIP}, ${other} `),
  );
});

Deno.test("not-held speaks beside redirect-rules of a rule that takes one port of one VIP", () => {
  const rule = {
    ...{ table: "ip other", chain: "arriving", handle: 7, text: "tcp dport 80 redirect", priority: -150 },
    ...{ conditions: [], exemptions: [] },
  };
  const facts = realServerFacts({
    method: "redirect",
    state: {
      links: [link("lo"), link("eth0", "192.0.2.21/24")],
      earlierTranslations: [rule],
    },
    realServer: { journal: null },
  });
  const requirements = facts.realServer!.requirements.filter(({ fact }) => !fact.startsWith("nft table"));
  const found = examine({ ...facts, realServer: { ...facts.realServer!, requirements } }, CHECKS);
  assert.deepEqual(found.map(({ id }) => id).slice(0, 2), ["redirect-rules", "not-held"]);
});

Deno.test("announce-script knows a VIP by the value of a line, whatever stands after it", () => {
  const isNamed = (text: string) =>
    examine(
      realServerFacts({ host: { announced: [{ path: "/etc/sysconfig/network-scripts/ifcfg-eth0", text }] } }),
      CHECKS,
    ).some(({ id }) => id === "announce-script");
  for (const text of [`IPADDR=${VIP}`, `IPADDR1="${VIP}"`, `IPADDR=${VIP} # vip`, `IPADDR='${VIP}'# vip`]) {
    assert(isNamed(text), text);
  }
  assert(!isNamed(`IPADDR=192.0.2.21 # not ${VIP}`));
});
