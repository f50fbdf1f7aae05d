/**
 * Method nft: the rules of the arptables method as one nft(8) table of lvsdr's own, `arp lvsdr`.
 *
 * The rules cover every interface, so the VIP need not be on the NIC. It goes to lo, where reconfiguring the NIC (DHCP,
 * `ip address flush`) neither loses it nor makes it the address the host prefers as source; a VIP that is on the NIC
 * already stays there.
 *
 * @module
 */

import type { HostState } from "../host_state.ts";
import { arpTable } from "../nft_rules.ts";
import type { Requirement } from "../requirement.ts";
import { assertOwnAddresses, type Target } from "../target.ts";
import { tableRequirement } from "./nft_table.ts";
import { onHost } from "./placement.ts";

/**
 * Requirements of the nft method, in the safe order: the addresses come last.
 *
 * @throws {HostError} If a target's interface has no address of its own.
 */
export function nftRequirements(state: HostState, targets: readonly Target[]): Requirement[] {
  assertOwnAddresses(targets);
  const why = "otherwise the host answers ARP requests for the VIP and names it as sender of its own";
  const placement = new Map(
    targets.flatMap((target) => onHost(state, target, "lo")).map((one) => [one.fact, one]),
  );
  return [tableRequirement(state, arpTable(targets), why), ...placement.values()];
}
