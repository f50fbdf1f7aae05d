/**
 * Where a VIP lives on this host. Whatever the method: never with a prefix other than /32, for IPv6 /128.
 *
 * @module
 */

import { shellCommand } from "../../host/command.ts";
import { hostPrefixLength } from "../../host/links.ts";
import { familyOf } from "../../model/ip_address.ts";
import type { AddAddress } from "../../host/step.ts";
import { sysctlName } from "../../host/sysctl.ts";
import {
  type Holder,
  holdersOf,
  isFirstOfSubnet,
  removalCommands,
  removalWords,
} from "../address_promotion.ts";
import { DISABLE_IPV6, type HostState } from "../host_state.ts";
import type { Requirement, Restoration } from "../requirement.ts";
import type { Target } from "../target.ts";

/** The VIP is on the loopback interface, or on another that answers no ARP, and nowhere else. */
export function onLoopbackOnly(state: HostState, target: Target): Requirement[] {
  const protocol = familyOf(target.vip) === 6 ? "NDP" : "ARP";
  const why =
    `the host must accept the VIP's packets, and on a NIC the kernel answers ${protocol} for any address`;
  return [
    ...loopbackUp(state),
    place(state, target, { device: "lo", isAnywhereFine: false, why }),
    ...holdersUp(state, target),
  ];
}

/** The VIP is somewhere on the host; if it is nowhere yet, `device` gets it. */
export function onHost(state: HostState, target: Target, device: string): Requirement[] {
  const why = "the host must accept the VIP's packets";
  const isForLoopback = device === "lo" && holdersOf(target.vip, state.links).length === 0;
  return [
    ...(isForLoopback ? loopbackUp(state) : []),
    place(state, target, { device, isAnywhereFine: true, why }),
    ...holdersUp(state, target),
  ];
}

/** The VIP is nowhere on the host. */
export function onNothing(state: HostState, target: Target, why: string): Requirement {
  const found = holdersOf(target.vip, state.links);
  return {
    fact: `VIP ${target.vip}`,
    found: placesText(target.vip, found),
    wanted: "on no interface",
    holds: found.length === 0,
    why,
    steps: [],
    remedy: found.length === 0 ? null : removal(target.vip, found),
    restorations: removals(target.vip, found),
  };
}

/** Interfaces that hold the VIP as a single address and would answer ARP or Neighbor Discovery for it. */
export function nicsHolding(state: HostState, vip: string): string[] {
  return holdersOf(vip, state.links)
    .filter((held) => held.prefixLength === hostPrefixLength(vip) && held.link.hasArp)
    .map((held) => held.link.name);
}

function place(
  state: HostState,
  { vip, holdersAtStart = [] }: Target,
  rule: { readonly device: string; readonly isAnywhereFine: boolean; readonly why: string },
): Requirement {
  const found = holdersOf(vip, state.links);
  const length = hostPrefixLength(vip);
  const misplaced = found.filter((held) =>
    held.prefixLength !== length || (!rule.isAnywhereFine && held.link.hasArp)
  );
  const wrongPrefix = misplaced.find((held) => held.prefixLength !== length);
  // A VIP that was there at the start is not ours to remove: it was silent then, and can be again.
  const wasThere = (held: Holder) =>
    held.prefixLength === length && holdersAtStart.some(({ index }) => index === held.link.index);
  const silenceable = misplaced.filter(wasThere);
  const removable = misplaced.filter((held) => !wasThere(held));
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
    remedy: removable.length === 0 ? null : removal(vip, removable) +
      (wrongPrefix === undefined ? "\nor use --method nft, which allows it there" : ""),
    restorations: [...silenceable.map(silencing), ...removals(vip, removable)],
  };
}

/** Makes an interface answer nobody, as it did. */
function silencing({ link }: Holder): Restoration {
  const words = ["ip", "link", "set", link.name, "arp", "off"];
  return { sentence: `switch ARP off on ${link.name} again: ${shellCommand(words)}`, words };
}

/** The loopback interface is up; nothing to say if it is. */
export function loopbackUp(state: HostState): Requirement[] {
  return state.links.some((link) => link.name === "lo" && link.isUp) ? [] : [interfaceUp("lo", false)];
}

/**
 * An interface that holds the VIP is up; nothing to say if one is. Of NICs nothing is said either: while one is down, so
 * is all traffic by it.
 */
function holdersUp(state: HostState, { vip, holdersAtStart = [] }: Target): Requirement[] {
  const links = holdersOf(vip, state.links).map(({ link }) => link);
  if (links.some(({ isUp }) => isUp)) return [];
  return links.filter(({ hasArp }) => !hasArp).map(({ name, index, isLoopback }) => {
    const wasUp = isLoopback || holdersAtStart.some((link) => link.index === index && link.isUp);
    return interfaceUp(name, !wasUp);
  });
}

/** @param isByHand Whether it was not up at the start, so that undo would not set it down. */
function interfaceUp(name: string, isByHand: boolean): Requirement {
  const words = ["ip", "link", "set", name, "up"];
  return {
    fact: `interface ${name}`,
    found: "down",
    wanted: "up",
    holds: false,
    why: "the kernel does not accept packets for addresses of an interface that is down",
    steps: [],
    remedy: shellCommand(words),
    restorations: [{ sentence: `set ${name} up`, words, isByHand }],
  };
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
  return found.map(({ link, prefixLength }) => `${vip}/${prefixLength} on ${link.name}`).join(", ");
}

function removals(vip: string, found: readonly Holder[]): Restoration[] {
  return found.map((holder) => ({
    sentence: `remove ${vip}/${holder.prefixLength} from ${holder.link.name}`,
    words: removalWords(vip, holder),
    isByHand: isFirstOfSubnet(vip, holder.link),
  }));
}

function removal(vip: string, found: readonly Holder[]): string {
  return `If an earlier run of lvsdr put ${vip} there: lvsdr realserver --undo\n` +
    `If ${vip} really is the VIP and not this host's own address: ${removalCommands(vip, found).join("; ")}`;
}
