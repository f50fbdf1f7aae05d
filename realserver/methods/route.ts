/**
 * Method route: no interface has the VIP; a route of type `local` makes the host accept its packets.
 *
 * Reconfiguring an interface cannot lose it, no list of addresses shows it, and nothing can announce it at boot. By ARP
 * the kernel answers for it as for an address on lo, so the same sysctls are needed.
 *
 * @module
 */

import { hostPrefixLength } from "../../host/links.ts";
import type { HostState } from "../host_state.ts";
import type { Requirement } from "../requirement.ts";
import type { Target } from "../target.ts";
import { arpHardening } from "./arp_hardening.ts";
import { loopbackUp, onNothing } from "./placement.ts";

/**
 * Requirements of the route method, in the safe order: the routes come last.
 *
 * @param wantedDevice The only interface to harden, or `null` for all.
 */
export function routeRequirements(
  state: HostState,
  targets: readonly Target[],
  wantedDevice: string | null,
): Requirement[] {
  const why = "with the route method the route alone makes the host accept the VIP's packets";
  return [
    ...arpHardening(state, targets, wantedDevice),
    ...targets.map((target) => onNothing(state, target, why)),
    ...loopbackUp(state),
    ...targets.map((target) => localRoute(state, target)),
  ];
}

function localRoute(state: HostState, { vip }: Target): Requirement {
  const holds = state.localRoutes.has(vip);
  return {
    fact: `local route to ${vip}`,
    found: holds ? "there" : "absent",
    wanted: `local ${vip}/${hostPrefixLength(vip)} dev lo`,
    holds,
    why: "the host must accept the VIP's packets",
    steps: holds ? [] : [{ kind: "addLocalRoute", address: vip }],
    remedy: null,
  };
}
