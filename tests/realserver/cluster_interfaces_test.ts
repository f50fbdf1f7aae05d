import assert from "node:assert/strict";
import { clusterInterfaces } from "../../realserver/methods/cluster_interfaces.ts";
import { hostState, link, sysctls, target } from "./host_states.ts";

const TARGETS = [target(), target({ vip: "192.0.2.11" }), target({ vip: "2001:db8::10" })];

function facts(state: ReturnType<typeof hostState>): string[] {
  return clusterInterfaces(state, TARGETS).map(({ fact, found }) => `${fact}: ${found}`);
}

Deno.test("an interface that has gone, or does not speak IPv4, is not in order because nothing is wrong there", () => {
  assert.deepEqual(facts(hostState()), []);
  assert.deepEqual(facts(hostState({ links: [link("lo")] })), ["interface eth0: absent"]);
  assert.deepEqual(facts(hostState({ sysctls: sysctls({ all: [1, 2] }) })), ["IPv4 on eth0: disabled"]);
});
