import assert from "node:assert/strict";
import fc from "fast-check";
import { loopbackRequirements } from "../../realserver/methods/loopback.ts";
import { assertFeasible, planSteps } from "../../realserver/requirement.ts";
import { hostState, link, sysctls, target, VIP } from "./host_states.ts";

const HARDENED_LINKS = [link("lo", "127.0.0.1/8", `${VIP}/32`), link("eth0", "192.0.2.21/24")];

Deno.test("loopback hardens a fresh host with two sysctls and then the address, in this order", () => {
  assert.deepEqual(planSteps(loopbackRequirements(hostState(), [target()], null)), [
    { kind: "setSysctl", key: "net/ipv4/conf/all/arp_ignore", value: "1", previous: "0" },
    { kind: "setSysctl", key: "net/ipv4/conf/all/arp_announce", value: "2", previous: "0" },
    { kind: "addAddress", address: VIP, device: "lo" },
  ]);
});

Deno.test("loopback has nothing to do on a hardened host", () => {
  for (const hardened of [{ all: [1, 2], eth0: [0, 0] }, { all: [0, 0], eth0: [2, 2] }]) {
    const state = hostState({ links: HARDENED_LINKS, sysctls: sysctls({ ...hardened, lo: [0, 0] }) });
    const requirements = loopbackRequirements(state, [target()], null);
    assert.deepEqual(planSteps(requirements), []);
    assert(requirements.every(({ holds }) => holds));
  }
});

Deno.test("loopback judges arp_ignore and arp_announce by the larger of all and the interface, never by lo", () => {
  // arp_ignore, arp_announce → does each protect the VIP; measured on Linux 6.18
  const cases: readonly [string, Record<string, number[]>, boolean, boolean][] = [
    ["lo only", { all: [0, 0], eth0: [0, 0], lo: [1, 2] }, false, false],
    ["announce 1 leaks", { all: [1, 1], eth0: [0, 0] }, true, false],
    ["ignore 3 answers for global scope", { all: [3, 2], eth0: [1, 2] }, false, true],
    ["ignore 5 is reserved and answers", { all: [0, 2], eth0: [5, 0] }, false, true],
    ["ignore 8 hides the own address too", { all: [0, 2], eth0: [8, 0] }, false, true],
    ["announce 3 means 0", { all: [1, 3], eth0: [0, 0] }, true, false],
    ["ignore 2 is as good as 1", { all: [0, 0], eth0: [2, 2] }, true, true],
  ];
  for (const [name, values, isIgnoreGood, isAnnounceGood] of cases) {
    const state = hostState({ links: HARDENED_LINKS, sysctls: sysctls({ lo: [0, 0], ...values }) });
    const facts = new Map(loopbackRequirements(state, [target()], null).map((one) => [one.fact, one.holds]));
    assert.equal(facts.get("arp_ignore on eth0"), isIgnoreGood, name);
    assert.equal(facts.get("arp_announce on eth0"), isAnnounceGood, name);
  }
});

Deno.test("loopback leaves an interface beside the cluster alone that answers no ARP at all", () => {
  const links = [...HARDENED_LINKS, link("mgmt0", "198.51.100.1/24")];
  const state = hostState({
    links,
    sysctls: sysctls({ all: [1, 2], lo: [0, 0], eth0: [0, 0], mgmt0: [8, 0] }),
  });
  assert.deepEqual(planSteps(loopbackRequirements(state, [target()], null)), []);
});

Deno.test("loopback covers an interface beside the cluster, unless the operator names one", () => {
  const links = [...HARDENED_LINKS, link("mgmt0", "198.51.100.1/24")];
  const values = { all: [0, 0], lo: [0, 0], eth0: [1, 2], mgmt0: [0, 0] };
  const state = hostState({ links, sysctls: sysctls(values) });
  assert.equal(planSteps(loopbackRequirements(state, [target()], null)).length, 2);
  assert.deepEqual(planSteps(loopbackRequirements(state, [target()], "eth0")), []);
});

Deno.test("loopback with a named interface changes that interface's sysctls", () => {
  const steps = planSteps(loopbackRequirements(hostState({ links: HARDENED_LINKS }), [target()], "eth0"));
  assert.deepEqual(steps.map((step) => step.kind === "setSysctl" && step.key), [
    "net/ipv4/conf/eth0/arp_ignore",
    "net/ipv4/conf/eth0/arp_announce",
  ]);
});

Deno.test("loopback steps make every requirement hold, whatever the sysctls were", () => {
  const value = fc.integer({ min: 0, max: 9 });
  const pair = fc.tuple(value, value);
  const property = fc.property(
    fc.record({ all: pair, eth0: pair, mgmt0: pair, lo: pair }),
    fc.constantFrom(null, "eth0"),
    (values, wantedDevice) => {
      const links = [...HARDENED_LINKS, link("mgmt0", "198.51.100.1/24")];
      const state = hostState({ links, sysctls: sysctls(values) });
      const requirements = loopbackRequirements(state, [target()], wantedDevice);
      assertFeasible(requirements);
      const after = new Map(state.sysctls);
      for (const step of planSteps(requirements)) {
        assert(step.kind === "setSysctl");
        assert.equal(step.previous, state.sysctls.get(step.key));
        assert.notEqual(step.previous, step.value);
        after.set(step.key, step.value);
      }
      const verified = loopbackRequirements({ ...state, sysctls: after }, [target()], wantedDevice);
      assert.deepEqual(verified.filter(({ holds }) => !holds), []);
    },
  );
  fc.assert(property, { numRuns: 2000 });
});
