/**
 * Method nft: the rules of the arptables method as one nft(8) table of lvsdr's own, `arp lvsdr`, and for IPv6 `ip6 lvsdr`.
 *
 * The rules cover every interface, so the VIP need not be on the NIC. It goes to lo, where reconfiguring the NIC (DHCP,
 * `ip address flush`) neither loses it nor makes it the address the host prefers as source; a VIP that is on the NIC
 * already stays there.
 *
 * @module
 */

import { familyOf } from "../../model/ip_address.ts";
import type { HostState } from "../host_state.ts";
import { arpTable, ndpTable } from "../nft_rules.ts";
import { eachFactOnce, type Requirement } from "../requirement.ts";
import { assertOwnAddresses, type Target } from "../target.ts";
import { programsInstalled } from "./filter_program.ts";
import { tableRequirement } from "./nft_table.ts";
import { onHost } from "./placement.ts";

/**
 * Requirements of the nft method, in the safe order: the addresses come last.
 *
 * @throws {HostError} If the interface of an IPv4 target has no address of its own.
 */
export function nftRequirements(state: HostState, targets: readonly Target[]): Requirement[] {
  const ipv4 = targets.filter(({ vip }) => familyOf(vip) === 4);
  const ipv6 = targets.filter(({ vip }) => familyOf(vip) === 6);
  assertOwnAddresses(ipv4);
  const why = (protocol: string) =>
    `otherwise the host answers ${protocol} for the VIP and names it as sender of its own questions`;
  return [
    ...programsInstalled(state, ["nft"]),
    ...(ipv4.length === 0 ? [] : [tableRequirement(state, arpTable(ipv4), why("ARP requests"))]),
    ...(ipv6.length === 0 ? [] : [tableRequirement(state, ndpTable(ipv6), why("neighbour solicitations"))]),
    ...eachFactOnce(targets.flatMap((target) => onHost(state, target, "lo"))),
  ];
}
