/**
 * That the kernel's reverse path filter lets clients' packets in.
 *
 * Strict filtering (RFC 3704 §2.2) drops a packet that arrives on another interface than the one an answer would leave by.
 * Where answers leave by the same interface it does no harm and is left alone. The kernel takes the larger value of
 * `all` and of the interface (Documentation/networking/ip-sysctl.rst); 2 is loose. IPv6 has no such variable.
 *
 * Judged by the default route alone: no client may ever come from where a narrower one leads, for example a network of
 * administrators, and then strict is right.
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
 * @param looseDevices Numbers of the interfaces whose filter must not be strict, even where answers leave by the same
 * interface.
 */
export function reversePathRequirements(
  state: HostState,
  targets: readonly Target[],
  looseDevices: ReadonlySet<number>,
): Requirement[] {
  const devices = new Map(
    targets.filter(({ vip }) => familyOf(vip) === 4).map(({ device, deviceIndex }) => [device, deviceIndex]),
  );
  return [...devices].flatMap(([device, index]): Requirement[] => {
    const key = deviceSysctl(device, "rp_filter");
    const ofAll = state.sysctls.get(deviceSysctl("all", "rp_filter"));
    const own = state.sysctls.get(key);
    if (ofAll === undefined || own === undefined) return []; // without IPv4, which is judged elsewhere
    const way = state.defaultRouteDevice;
    const isOtherWay = way !== null && way !== device;
    const mustBeLoose = isOtherWay || looseDevices.has(index);
    const holds = !isStrict(state.sysctls, device) || !mustBeLoose;
    return [{
      fact: `rp_filter on ${device}`,
      found: `${effectiveValue(state.sysctls, device)} (all ${ofAll}, ${device} ${own})`,
      wanted: mustBeLoose ? "0 or 2" : "0, 1 or 2",
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

/** Numbers of the interfaces of `targets` whose filter is not strict. */
export function looseDevices({ sysctls }: HostState, targets: readonly Target[]): Set<number> {
  const loose = targets.filter(({ device }) => !isStrict(sysctls, device));
  return new Set(loose.map(({ deviceIndex }) => deviceIndex));
}

/** Whether the filter of an interface is strict. */
export function isStrict(sysctls: HostState["sysctls"], device: string): boolean {
  return effectiveValue(sysctls, device) === STRICT;
}

function effectiveValue(sysctls: HostState["sysctls"], device: string): number {
  const read = (name: string) => Number(sysctls.get(deviceSysctl(name, "rp_filter")) ?? "0");
  return Math.max(read("all"), read(device));
}
