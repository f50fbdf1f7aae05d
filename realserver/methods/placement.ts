/**
 * Where a VIP lives on this host. Whatever the method: never with a prefix other than /32, for IPv6 /128.
 *
 * @module
 */

import { addressesLike, hostPrefixLength } from "../../host/links.ts";
import { familyOf } from "../../model/ip_address.ts";
import type { AddAddress } from "../../host/step.ts";
import { sysctlName } from "../../host/sysctl.ts";
import { isFirstOfSubnet, promotionCommands } from "../address_promotion.ts";
import { DISABLE_IPV6, type HostState } from "../host_state.ts";
import type { Requirement, Restoration } from "../requirement.ts";
import type { Target } from "../target.ts";

/** The VIP is on the loopback interface, or on another that answers no ARP, and nowhere else. */
export function onLoopbackOnly(state: HostState, target: Target): Requirement[] {
  const protocol = familyOf(target.vip) === 6 ? "NDP" : "ARP";
  const why =
    `the host must accept the VIP's packets, and on a NIC the kernel answers ${protocol} for any address`;
  return [...loopbackUp(state), place(state, target, { device: "lo", isAnywhereFine: false, why })];
}

/** The VIP is somewhere on the host; if it is nowhere yet, `device` gets it. */
export function onHost(state: HostState, target: Target, device: string): Requirement[] {
  const why = "the host must accept the VIP's packets";
  const isOnLoopback = device === "lo" && !holders(state, target.vip).some((held) => held.device !== "lo");
  return [
    ...(isOnLoopback ? loopbackUp(state) : []),
    place(state, target, { device, isAnywhereFine: true, why }),
  ];
}

/** The VIP is nowhere on the host. */
export function onNothing(state: HostState, target: Target, why: string): Requirement {
  const found = holders(state, target.vip);
  return {
    fact: `VIP ${target.vip}`,
    found: placesText(target.vip, found),
    wanted: "on no interface",
    holds: found.length === 0,
    why,
    steps: [],
    remedy: found.length === 0 ? null : removal(state, target.vip, found),
    restorations: removals(state, target.vip, found),
  };
}

/** Interfaces that hold the VIP as a single address and would answer ARP or Neighbor Discovery for it. */
export function nicsHolding(state: HostState, vip: string): string[] {
  return holders(state, vip)
    .filter((held) => held.prefixLength === hostPrefixLength(vip) && !held.isSilent)
    .map((held) => held.device);
}

interface Holder {
  readonly device: string;
  /** Whether it accepts the VIP's packets and answers nobody who asks for the VIP, as `lo` does. */
  readonly isSilent: boolean;
  readonly prefixLength: number;
}

function holders(state: HostState, vip: string): Holder[] {
  return state.links.flatMap((link) =>
    addressesLike(link, vip).filter((held) => held.address === vip).map(({ prefixLength }) => ({
      device: link.name,
      isSilent: link.isLoopback || (link.isUp && !link.hasArp),
      prefixLength,
    }))
  );
}

function place(
  state: HostState,
  { vip }: Target,
  rule: { readonly device: string; readonly isAnywhereFine: boolean; readonly why: string },
): Requirement {
  const found = holders(state, vip);
  const length = hostPrefixLength(vip);
  const misplaced = found.filter((held) =>
    held.prefixLength !== length || (!rule.isAnywhereFine && !held.isSilent)
  );
  const wrongPrefix = misplaced.find((held) => held.prefixLength !== length);
  const step: AddAddress = { kind: "addAddress", address: vip, device: rule.device };
  return {
    fact: `VIP ${vip}`,
    found: placesText(vip, found),
    wanted: rule.isAnywhereFine
      ? `${vip}/${length} on some interface`
      : `${vip}/${length} on ${rule.device} only, or on an interface without ARP`,
    holds: found.length > 0 && misplaced.length === 0,
    why: wrongPrefix === undefined
      ? rule.why
      : `with prefix /${wrongPrefix.prefixLength} the host claims the whole subnet, not just the VIP`,
    steps: found.length === 0 ? [step] : [],
    remedy: misplaced.length === 0 ? null : removal(state, vip, misplaced) +
      (wrongPrefix === undefined ? "\nor use --method nft, which allows it there" : ""),
    restorations: removals(state, vip, misplaced),
  };
}

/** The loopback interface is up; nothing to say if it is. */
export function loopbackUp(state: HostState): Requirement[] {
  if (state.links.some((link) => link.name === "lo" && link.isUp)) return [];
  return [{
    fact: "interface lo",
    found: "down",
    wanted: "up",
    holds: false,
    why: "the kernel does not accept packets for addresses of an interface that is down",
    steps: [],
    remedy: "ip link set lo up",
    restorations: [{ sentence: "set lo up", words: ["ip", "link", "set", "lo", "up"] }],
  }];
}

/** IPv6 is switched on; nothing to say if it is, or if no VIP is IPv6. */
export function ipv6Enabled(state: HostState, targets: readonly Target[]): Requirement[] {
  const isNeeded = targets.some(({ vip }) => familyOf(vip) === 6);
  if (!isNeeded || state.sysctls.get(DISABLE_IPV6) !== "1") return [];
  return [{
    fact: "IPv6 on lo",
    found: "disabled",
    wanted: "enabled",
    holds: false,
    why: "the kernel refuses IPv6 addresses and routes on an interface where IPv6 is disabled",
    steps: [],
    remedy: `sysctl -w ${sysctlName(DISABLE_IPV6)}=0`,
    sysctls: [DISABLE_IPV6],
  }];
}

function placesText(vip: string, found: readonly Holder[]): string {
  if (found.length === 0) return "on no interface";
  return found.map(({ device, prefixLength }) => `${vip}/${prefixLength} on ${device}`).join(", ");
}

function removals(state: HostState, vip: string, found: readonly Holder[]): Restoration[] {
  return found.map(({ device, prefixLength }) => ({
    sentence: `remove ${vip}/${prefixLength} from ${device}`,
    words: ["ip", "address", "delete", `${vip}/${prefixLength}`, "dev", device],
    isByHand: state.links.some((link) => link.name === device && isFirstOfSubnet(vip, link)),
  }));
}

function removal(state: HostState, vip: string, found: readonly Holder[]): string {
  const commands = [
    ...promotionCommands(vip, state.links.filter(({ name }) => found.some(({ device }) => device === name))),
    ...found.map((held) => `ip address delete ${vip}/${held.prefixLength} dev ${held.device}`),
  ];
  return `If an earlier run of lvsdr put ${vip} there: lvsdr realserver --undo\n` +
    `If ${vip} really is the VIP and not this host's own address: ${commands.join("; ")}`;
}
