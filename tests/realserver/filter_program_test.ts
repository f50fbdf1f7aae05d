import assert from "node:assert/strict";
import type { Method } from "../../model/config.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { HostError } from "../../model/operator_error.ts";
import { requirementsOf } from "../../realserver/choose_method.ts";
import type { FilterProgram } from "../../realserver/host_state.ts";
import { assertFeasible, planSteps } from "../../realserver/requirement.ts";
import { hostState, link, target, VIP } from "./host_states.ts";

const IPV6 = target({ vip: "2001:db8::10", realServerAddress: "2001:db8::21" });

/** What helps where a method cannot work on a host with these programs; `null` if it can. */
function obstacle(method: Method, programs: readonly FilterProgram[], targets = [target()]): string | null {
  const state = hostState({ programs: new Set(programs) });
  const requirements = requirementsOf(method, state, {
    targets,
    wantedDevice: null,
    looseDevices: new Set(),
  });
  assert.notDeepEqual(planSteps(requirements), [], "there is something to do");
  try {
    assertFeasible(requirements);
    return null;
  } catch (error) {
    assert(error instanceof HostError);
    assert.equal(error.exitCode, ExitCode.UNAVAILABLE);
    return error.remedy;
  }
}

Deno.test("a method is refused before its first step where the program that loads its rules is missing", () => {
  assert.equal(obstacle("nft", ["arptables", "iptables"]), "apt-get install -y nftables");
  assert.equal(obstacle("arptables", ["nft"]), "apt-get install -y arptables");
  assert.equal(obstacle("redirect", ["arptables", "ip6tables"]), "apt-get install -y nftables");
  assert.equal(obstacle("redirect", ["iptables"], [target(), IPV6]), "apt-get install -y iptables");
});

Deno.test("a method is feasible with the programs it uses, and redirect with either kind", () => {
  assert.equal(obstacle("nft", ["nft"]), null);
  assert.equal(obstacle("arptables", ["arptables"]), null);
  assert.equal(obstacle("redirect", ["nft"], [target(), IPV6]), null);
  assert.equal(obstacle("redirect", ["iptables"]), null);
  assert.equal(obstacle("redirect", ["iptables", "ip6tables"], [target(), IPV6]), null);
  assert.equal(obstacle("loopback", []), null);
});

Deno.test("a program that is missing beside another obstacle is no reason to end as if it were the only one", () => {
  const state = hostState({ programs: new Set(), links: [link("lo"), link("eth0", `${VIP}/24`)] });
  const requirements = requirementsOf("nft", state, {
    targets: [target()],
    wantedDevice: null,
    looseDevices: new Set(),
  });
  assert.throws(
    () => assertFeasible(requirements),
    (error) => error instanceof HostError && error.exitCode === ExitCode.FAILED,
  );
});
