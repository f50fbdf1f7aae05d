import assert from "node:assert/strict";
import type { Step } from "../../../host/step.ts";
import { METHODS } from "../../../model/config.ts";
import { examine } from "../../../sentinel/doctor/check.ts";
import { CHECKS } from "../../../sentinel/doctor/checks.ts";
import { target, VIP } from "../../realserver/host_states.ts";
import { realServerFacts } from "./recorded_facts.ts";

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
