/**
 * That the kernel's reverse path filter lets clients' packets in.
 *
 * Strict filtering (RFC 3704 §2.2) drops a packet that arrives on another interface than the one an answer would leave by.
 * Where answers leave by the same interface it does no harm and is left alone. The kernel takes the larger value of
 * `all` and of the interface (Documentation/networking/ip-sysctl.rst); 2 is loose. IPv6 has no such variable.
 *
 * @module
 */

import { familyOf } from "../../model/ip_address.ts";
import { deviceSysctl, type HostState } from "../host_state.ts";
import type { Requirement } from "../requirement.ts";
import type { Target } from "../target.ts";

const STRICT = 1;
const LOOSE = "2";

/**
 * The requirement for each interface that VIP traffic arrives on.
 *
 * @param looseDevices Interfaces whose filter must not be strict, even where answers leave by the same interface.
 */
export function reversePathRequirements(
  state: HostState,
  targets: readonly Target[],
  looseDevices: ReadonlySet<string>,
): Requirement[] {
  const devices = new Set(targets.filter(({ vip }) => familyOf(vip) === 4).map(({ device }) => device));
  return [...devices].flatMap((device): Requirement[] => {
    const key = deviceSysctl(device, "rp_filter");
    const ofAll = state.sysctls.get(deviceSysctl("all", "rp_filter"));
    const own = state.sysctls.get(key);
    if (ofAll === undefined || own === undefined) return []; // a kernel or an interface without IPv4
    const way = state.defaultRouteDevice;
    const isOtherWay = way !== null && way !== device;
    const effective = Math.max(Number(ofAll), Number(own));
    const holds = effective !== STRICT || (!isOtherWay && !looseDevices.has(device));
    return [{
      fact: `rp_filter on ${device}`,
      found: `${effective} (all ${ofAll}, ${device} ${own})`,
      wanted: isOtherWay || looseDevices.has(device) ? "0 or 2" : "0, 1 or 2",
      holds,
      why: isOtherWay
        ? `strict filtering (1) drops clients' packets here, because answers leave by ${way}`
        : "strict filtering (1) drops packets of clients that are answered through another interface",
      steps: holds ? [] : [{ kind: "setSysctl", key, value: LOOSE, previous: own }],
      remedy: null,
      sysctls: [deviceSysctl("all", "rp_filter"), key],
    }];
  });
}

/** Interfaces of `targets` whose filter is not strict. */
export function looseDevices(state: HostState, targets: readonly Target[]): Set<string> {
  const read = (device: string) => Number(state.sysctls.get(deviceSysctl(device, "rp_filter")) ?? "0");
  return new Set(
    targets.map(({ device }) => device).filter((device) => Math.max(read("all"), read(device)) !== STRICT),
  );
}
