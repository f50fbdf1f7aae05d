/**
 * ARP sysctls that keep a VIP on the loopback interface, or reached by a local route, to the host itself.
 *
 * The kernel combines the value of `all` with that of the interface a packet comes or goes by, and takes the larger
 * (Documentation/networking/ip-sysctl.rst). Values of lo never count, because no ARP goes by lo. What is set is `all`,
 * so that an interface that appears later is covered, too; with `--interface` only that interface is. IPv6 needs nothing
 * of the kind: the kernel answers neighbour solicitations only for addresses of the interface they arrive on.
 *
 * @module
 */

import { familyOf } from "../../model/ip_address.ts";
import type { SetSysctl } from "../../host/step.ts";
import { deviceSysctl, type HostState } from "../host_state.ts";
import type { Requirement } from "../requirement.ts";
import type { Target } from "../target.ts";

/** How one of the two variables is judged. */
export interface ArpRule {
  readonly name: "arp_ignore" | "arp_announce";
  /** What is written. */
  readonly value: number;
  /** Effective values that protect the VIP and let the host answer for its own address. */
  readonly good: readonly number[];
  /** Effective values that protect the VIP, good enough where no director needs the host's own address. */
  readonly goodElsewhere: readonly number[];
  readonly wanted: string;
  readonly why: string;
}

export const ARP_RULES: readonly ArpRule[] = [
  {
    name: "arp_ignore",
    value: 1,
    good: [1, 2],
    // 3 still answers for a VIP of global scope; 4 to 7 are reserved and answer; 8 answers nothing at all.
    goodElsewhere: [1, 2, 8],
    wanted: "1 or 2",
    why:
      "otherwise the host answers ARP requests for the VIP on lo, or none at all, not even for its own address",
  },
  {
    name: "arp_announce",
    value: 2,
    // 1 still names the VIP as sender when it lies in the subnet; above 2 means 0.
    good: [2],
    goodElsewhere: [2],
    wanted: "2",
    why: "otherwise the host's own ARP requests name the VIP as sender and teach it to neighbours",
  },
];

/**
 * What must hold of the sysctls; nothing if every VIP is IPv6.
 *
 * @param wantedDevice The only interface to harden, or `null` for all.
 */
export function arpHardening(
  state: HostState,
  targets: readonly Target[],
  wantedDevice: string | null,
): Requirement[] {
  const clusterDevices = new Set(
    targets.filter(({ vip }) => familyOf(vip) === 4).map(({ device }) => device),
  );
  if (clusterDevices.size === 0) return [];
  const devices = wantedDevice !== null
    ? [wantedDevice]
    : state.links.filter((link) => !link.isLoopback).map((link) => link.name);
  return ARP_RULES.flatMap((rule) =>
    devices.flatMap((device) => {
      const isCluster = clusterDevices.has(device);
      const requirement = arpRequirement(state, rule, { device, isCluster, isOnly: wantedDevice !== null });
      // A host may have hundreds of container interfaces: of those beside the cluster only failures are listed.
      return requirement !== null && (isCluster || !requirement.holds) ? [requirement] : [];
    })
  );
}

function arpRequirement(
  state: HostState,
  rule: ArpRule,
  scope: { readonly device: string; readonly isCluster: boolean; readonly isOnly: boolean },
): Requirement | null {
  const read = (device: string) => state.sysctls.get(deviceSysctl(device, rule.name));
  const ofAll = Number(read("all") ?? "0");
  const own = read(scope.device);
  if (own === undefined) return null; // the interface does not speak IPv4, which is judged elsewhere
  const effective = Math.max(ofAll, Number(own));
  const good = scope.isCluster ? rule.good : rule.goodElsewhere;
  // What all contributes may be lowered for another interface's sake, so beside the cluster only an own 8 is lasting.
  const holds = rule.good.includes(effective) || (Number(own) === effective && good.includes(effective));

  const set = (device: string): SetSysctl => ({
    kind: "setSysctl",
    key: deviceSysctl(device, rule.name),
    value: String(rule.value),
    previous: read(device) ?? "0",
  });
  // The larger value counts, so one that is too large must come down wherever it is.
  const isAllWrong = !scope.isOnly && !rule.good.includes(ofAll);
  const isAllTooLarge = ofAll > rule.value && !rule.good.includes(ofAll);
  const isOwnWrong = scope.isOnly && !rule.good.includes(Number(own));
  const isOwnTooLarge = Number(own) > rule.value && !good.includes(Number(own));
  return {
    fact: `${rule.name} on ${scope.device}`,
    found: `${effective} (all ${ofAll}, ${scope.device} ${own})`,
    wanted: rule.wanted,
    holds,
    why: rule.why,
    steps: holds ? [] : [
      ...(isAllWrong || isAllTooLarge ? [set("all")] : []),
      ...(isOwnWrong || isOwnTooLarge ? [set(scope.device)] : []),
    ],
    remedy: null,
    sysctls: [deviceSysctl("all", rule.name), deviceSysctl(scope.device, rule.name)],
  };
}
