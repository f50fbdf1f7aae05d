/**
 * Method redirect: the host has no VIP at all, so there is nothing ARP could tell; nft(8) hands packets for the VIP's
 * ports to the same port of the host, and the kernel's connection tracking makes the answers come from the VIP.
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { OperatorError } from "../../model/operator_error.ts";
import type { HostState } from "../host_state.ts";
import { redirectTable } from "../nft_rules.ts";
import type { Requirement } from "../requirement.ts";
import type { Target } from "../target.ts";
import { tableRequirement } from "./nft_table.ts";
import { onNothing } from "./placement.ts";

/**
 * Requirements of the redirect method.
 *
 * @throws {OperatorError} If the ports of a VIP are not known.
 */
export function redirectRequirements(state: HostState, targets: readonly Target[]): Requirement[] {
  const without = targets.find(({ bindings }) => bindings.length === 0);
  if (without !== undefined) {
    throw new OperatorError(
      `Cannot redirect ${without.vip}: method redirect needs to know its ports`,
      ExitCode.USAGE,
      { remedy: "Add --port N for each, or use -c FILE" },
    );
  }
  const why = "nothing else makes the host accept packets for an address it does not have";
  return [
    ...targets.map((target) => onNothing(state, target)),
    tableRequirement(state, redirectTable(targets), why),
  ];
}
