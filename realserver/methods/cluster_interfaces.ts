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
  const links = new Map(state.links.map((link) => [link.name, link]));
  const absent = targets.map(({ device }) => device).filter((device) => !links.has(device));
  const mute = targets.flatMap(({ vip, device }) => {
    const link = links.get(device);
    const isMute = familyOf(vip) === 4 && !state.sysctls.has(deviceSysctl(device, "arp_ignore"));
    return isMute && link !== undefined ? [link] : [];
  });
  return [
    ...[...new Set(absent)].map((device) => ({
      fact: `interface ${device}`,
      found: "absent",
      wanted: "there",
      remedy: `Bring ${device} back, or start lvsdr realserver again with another --interface`,
      why: WHY,
      ...FAILED,
    })),
    ...[...new Set(mute)].map(({ name, mtu }) => ({
      fact: `IPv4 on ${name}`,
      found: `disabled, the MTU is ${mtu}`,
      wanted: "enabled",
      remedy: `ip link set ${name} mtu 1500`,
      // RFC 791 §3.2: every module must be able to forward 68 bytes. The kernel takes IPv4 off what cannot.
      why: `${WHY}, and IPv4 needs an MTU of 68 at least`,
      ...FAILED,
    })),
  ];
}

const WHY = "the VIP's traffic arrives on it";
const FAILED = { holds: false, steps: [] } as const;
