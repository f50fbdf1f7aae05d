/**
 * Method loopback: the VIP on lo, /32 or for IPv6 /128, and ARP sysctls that keep it to itself.
 *
 * @module
 */

import type { HostState } from "../host_state.ts";
import { eachFactOnce, type Requirement } from "../requirement.ts";
import type { Target } from "../target.ts";
import { arpHardening } from "./arp_hardening.ts";
import { onLoopbackOnly } from "./placement.ts";

/**
 * Requirements of the loopback method, in the safe order: the address comes last.
 *
 * @param wantedDevice The only interface to harden, or `null` for all.
 */
export function loopbackRequirements(
  state: HostState,
  targets: readonly Target[],
  wantedDevice: string | null,
): Requirement[] {
  const placement = eachFactOnce(targets.flatMap((target) => onLoopbackOnly(state, target)));
  return [...arpHardening(state, targets, wantedDevice), ...placement];
}
