import assert from "node:assert/strict";
import { clusterInterfaces } from "../../realserver/methods/cluster_interfaces.ts";
import { requirementText } from "../../realserver/requirement.ts";
import { hostState, link, sysctls, target } from "./host_states.ts";

const TARGETS = [target(), target({ vip: "192.0.2.11" }), target({ vip: "2001:db8::10" })];

function facts(state: ReturnType<typeof hostState>): string[] {
  return clusterInterfaces(state, TARGETS).map(({ fact, found }) => `${fact}: ${found}`);
}

Deno.test("an interface that has gone, or does not speak IPv4, is not in order because nothing is wrong there", () => {
  assert.deepEqual(facts(hostState()), []);
  assert.deepEqual(facts(hostState({ links: [link("lo")] })), ["interface eth0: absent"]);
  assert.deepEqual(facts(hostState({ sysctls: sysctls({ all: [1, 2] }) })), [
    "IPv4 on eth0: disabled, the MTU is 1500",
  ]);
});

Deno.test("an interface whose MTU is too small for IPv4 is cured by a command alone, and the reason is told beside it", () => {
  const state = hostState({
    links: [link("lo"), { ...link("eth0"), mtu: 60 }],
    sysctls: sysctls({ all: [1, 2] }),
  });
  const [found] = clusterInterfaces(state, TARGETS);
  assert.equal(found?.remedy, "ip link set eth0 mtu 1500");
  assert.match(requirementText(found), /disabled, the MTU is 60, .*IPv4 needs an MTU of 68 at least/);
});
