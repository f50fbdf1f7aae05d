import assert from "node:assert/strict";
import { looseDevices, reversePathRequirements } from "../../realserver/methods/reverse_path.ts";
import type { Requirement } from "../../realserver/requirement.ts";
import { hostState, sysctls, target } from "./host_states.ts";

const NONE: ReadonlySet<number> = new Set();

function requirement(
  values: { all: number; eth0: number },
  defaultRouteDevice: string | null,
  loose = NONE,
): Requirement {
  const state = hostState({
    defaultRouteDevice,
    sysctls: sysctls({ all: [0, 0, values.all], eth0: [0, 0, values.eth0] }),
  });
  const [found, ...others] = reversePathRequirements(state, [target(), target({ vip: "192.0.2.11" })], loose);
  assert.deepEqual(others, [], "one for each interface");
  return found!;
}

Deno.test("strict reverse path filtering is wrong where answers leave by another interface", () => {
  const cases: readonly [number, number, string | null, boolean][] = [
    [0, 0, "eth1", true],
    [1, 0, "eth1", false],
    [0, 1, "eth1", false],
    [1, 2, "eth1", true],
    [2, 1, "eth1", true],
    [1, 1, "eth0", true],
    [1, 1, null, true],
  ];
  for (const [all, eth0, route, holds] of cases) {
    const found = requirement({ all, eth0 }, route);
    assert.equal(found.holds, holds, `all ${all}, eth0 ${eth0}, default route by ${route}`);
    assert.deepEqual(
      found.steps,
      holds ? [] : [
        { kind: "setSysctl", key: "net/ipv4/conf/eth0/rp_filter", value: "2", previous: `${eth0}` },
      ],
    );
  }
});

Deno.test("what was loose must not turn strict, wherever answers leave", () => {
  const before = hostState({ sysctls: sysctls({ all: [0, 0, 0], eth0: [0, 0, 2] }) });
  const loose = looseDevices(before, [target()]);
  assert.equal(requirement({ all: 1, eth0: 0 }, "eth0", loose).holds, false);
  assert.equal(requirement({ all: 0, eth0: 2 }, "eth0", loose).holds, true);
  const strict = hostState({ sysctls: sysctls({ all: [0, 0, 1], eth0: [0, 0, 0] }) });
  assert.deepEqual([...looseDevices(strict, [target()])], []);
});

Deno.test("what was loose must not turn strict under another name either", () => {
  const before = hostState({ sysctls: sysctls({ all: [0, 0, 0], eth0: [0, 0, 2] }) });
  const loose = looseDevices(before, [target()]);
  const renamed = hostState({ sysctls: sysctls({ all: [0, 0, 1], lan0: [0, 0, 0] }) });
  const [found] = reversePathRequirements(renamed, [target({ device: "lan0" })], loose);
  assert.equal(found!.holds, false);
});

Deno.test("IPv6 has no reverse path filter", () => {
  const state = hostState({
    defaultRouteDevice: "eth1",
    sysctls: sysctls({ all: [0, 0, 1], eth0: [0, 0, 1] }),
  });
  assert.deepEqual(reversePathRequirements(state, [target({ vip: "2001:db8::10" })], NONE), []);
});
