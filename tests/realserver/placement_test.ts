import assert from "node:assert/strict";
import { nicsHolding, onHost, onLoopbackOnly, onNothing } from "../../realserver/methods/placement.ts";
import { assertFeasible, planSteps } from "../../realserver/requirement.ts";
import { rememberHolders } from "../../realserver/target.ts";
import { hostState, link, target, VIP } from "./host_states.ts";

function withLinks(...links: ReturnType<typeof link>[]): ReturnType<typeof hostState> {
  return hostState({ links });
}

Deno.test("a VIP with prefix /24 is refused with the reason and the command that removes it", () => {
  const state = withLinks(link("lo", `${VIP}/24`), link("eth0"));
  for (const requirements of [onLoopbackOnly(state, target()), onHost(state, target(), "lo")]) {
    assert.throws(() => assertFeasible(requirements), (error: Error & { remedy?: string }) => {
      assert.match(error.message, /192\.0\.2\.10\/24 on lo/);
      assert.match(error.message, /claims the whole subnet/);
      assert.match(error.remedy ?? "", /ip address delete 192\.0\.2\.10\/24 dev lo/);
      return true;
    });
  }
});

Deno.test("a VIP on a NIC is refused by loopback and accepted by methods with ARP rules", () => {
  const state = withLinks(link("lo"), link("eth0", `${VIP}/32`));
  assert.throws(() => assertFeasible(onLoopbackOnly(state, target())), /on eth0/);
  assert.deepEqual(onHost(state, target(), "lo").map(({ holds }) => holds), [true]);
});

Deno.test("a VIP on an interface that answers no ARP is as good as one on lo, while that is up", () => {
  const dummy = link("dummy0", `${VIP}/32`);
  const state = withLinks(link("lo"), link("eth0"), dummy);
  assert.deepEqual(onLoopbackOnly(state, target()).map(({ holds }) => holds), [true]);
  assert.deepEqual(nicsHolding(state, VIP), []);
  const down = withLinks(link("lo"), link("eth0"), { ...dummy, isUp: false });
  for (const requirements of [onLoopbackOnly(down, target()), onHost(down, target(), "lo")]) {
    assert.deepEqual(requirements.filter(({ holds }) => !holds).map(({ fact }) => fact), [
      "interface dummy0",
    ]);
    assert.throws(() => assertFeasible(requirements), { remedy: "ip link set dummy0 up" });
  }
  assert.deepEqual(nicsHolding(down, VIP), []);
  const elsewhere = withLinks(link("lo", `${VIP}/32`), { ...dummy, isUp: false });
  assert.deepEqual(
    onLoopbackOnly(elsewhere, target()).map(({ holds }) => holds),
    [true],
    "lo has it as well",
  );
});

Deno.test("what had the VIP at the start is silenced or set up, what has it since loses it or is a person's to set up", () => {
  const dummy = { ...link("dummy0", `${VIP}/32`), index: 7 };
  const restorations = (now: typeof dummy, atStart: readonly (typeof dummy)[]) => {
    const [held] = rememberHolders([target()], atStart);
    return onLoopbackOnly(withLinks(link("lo"), link("eth0"), now), held!)
      .flatMap(({ restorations = [] }) => restorations)
      .map(({ words, isByHand = false }) => ({ command: words.join(" "), isByHand }));
  };
  const noisy = { ...dummy, hasArp: true };
  const down = { ...dummy, isUp: false };
  const remove = { command: `ip address delete ${VIP}/32 dev dummy0`, isByHand: false };
  const setUp = { command: "ip link set dummy0 up", isByHand: false };
  assert.deepEqual(restorations(noisy, [dummy]), [{
    command: "ip link set dummy0 arp off",
    isByHand: false,
  }]);
  assert.deepEqual(restorations(noisy, [{ ...dummy, index: 8 }]), [remove]);
  assert.deepEqual(restorations(noisy, [{ ...dummy, addresses: [] }]), [remove]);
  assert.deepEqual(restorations(down, [dummy]), [setUp]);
  for (const atStart of [[], [down]]) {
    assert.deepEqual(restorations(down, atStart), [{ ...setUp, isByHand: true }]);
  }
  const wide = { ...noisy, addresses: link("dummy0", `${VIP}/24`).addresses };
  assert.deepEqual(restorations(wide, [dummy]), [{
    ...remove,
    command: `ip address delete ${VIP}/24 dev dummy0`,
  }]);
});

Deno.test("a VIP whose removal could take the host's own address along is left for a person to remove", () => {
  const removal = (...addresses: string[]) => {
    const [found] = onLoopbackOnly(withLinks(link("lo"), link("eth0", ...addresses)), target())
      .filter(({ fact }) => fact.startsWith("VIP"));
    return { isByHand: found!.restorations![0]!.isByHand, remedy: found!.remedy };
  };
  const first = removal(`${VIP}/24`, "192.0.2.21/24");
  assert.equal(first.isByHand, true);
  assert.match(first.remedy!, /: sysctl -w net\.ipv4\.conf\.eth0\.promote_secondaries=1; ip address delete/);
  for (const others of [[`${VIP}/32`, "192.0.2.21/24"], ["192.0.2.21/24", `${VIP}/24`]]) {
    const harmless = removal(...others);
    assert.equal(harmless.isByHand, false);
    assert.doesNotMatch(harmless.remedy!, /promote_secondaries/);
  }
});

Deno.test("a VIP that is on the host is not added again", () => {
  const state = withLinks(link("lo", `${VIP}/32`), link("eth0"));
  assert.deepEqual(planSteps(onLoopbackOnly(state, target())), []);
  assert.deepEqual(planSteps(onHost(state, target(), "eth0")), []);
});

Deno.test("an interface lo that is down is refused, because its addresses are not accepted", () => {
  const state = withLinks({ ...link("lo"), isUp: false }, link("eth0"));
  assert.throws(() => assertFeasible(onLoopbackOnly(state, target())), { remedy: "ip link set lo up" });
  assert.doesNotThrow(() => assertFeasible(onHost(state, target(), "eth0")));
});

Deno.test("redirect wants the VIP nowhere", () => {
  assert.equal(onNothing(withLinks(link("lo"), link("eth0")), target(), "why").holds, true);
  assert.throws(
    () => assertFeasible([onNothing(withLinks(link("lo", `${VIP}/32`)), target(), "why")]),
    /on lo/,
  );
});
