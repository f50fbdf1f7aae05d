/**
 * That the interfaces the VIPs' traffic arrives on can be judged at all: what has no variables to look at is not in
 * order because none of them is wrong.
 *
 * @module
 */

import { familyOf } from "../../model/ip_address.ts";
import { deviceSysctl, type HostState } from "../host_state.ts";
import type { Requirement } from "../requirement.ts";
import type { Target } from "../target.ts";

/** The interfaces are there, and speak IPv4 where a VIP does; nothing to say of those that do. */
export function clusterInterfaces(state: HostState, targets: readonly Target[]): Requirement[] {
  const names = new Set(state.links.map(({ name }) => name));
  const absent = targets.map(({ device }) => device).filter((device) => !names.has(device));
  const mute = targets.filter(({ vip, device }) =>
    familyOf(vip) === 4 && names.has(device) && !state.sysctls.has(deviceSysctl(device, "arp_ignore"))
  ).map(({ device }) => device);
  return [
    ...[...new Set(absent)].map((device) => ({
      fact: `interface ${device}`,
      found: "absent",
      wanted: "there",
      remedy: `Bring ${device} back, or start lvsdr realserver again with another --interface`,
      ...FAILED,
    })),
    ...[...new Set(mute)].map((device) => ({
      fact: `IPv4 on ${device}`,
      found: "disabled",
      wanted: "enabled",
      // RFC 791 §3.1: every host can be sent 68 bytes.
      remedy: `ip link set ${device} mtu 1500; IPv4 needs 68 at least`,
      ...FAILED,
    })),
  ];
}

const FAILED = { holds: false, why: "the VIP's traffic arrives on it", steps: [] } as const;
