/**
 * Where a VIP lives on this host. Whatever the method: never with a prefix other than /32.
 *
 * @module
 */

import type { AddAddress } from "../../host/step.ts";
import type { HostState } from "../host_state.ts";
import type { Requirement } from "../requirement.ts";
import type { Target } from "../target.ts";

/** The VIP is on the loopback interface and nowhere else. */
export function onLoopbackOnly(state: HostState, target: Target): Requirement[] {
  const why = "the host must accept the VIP's packets, and on a NIC the kernel answers ARP for any address";
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
export function onNothing(state: HostState, target: Target): Requirement {
  const found = holders(state, target.vip);
  return {
    fact: `VIP ${target.vip}`,
    found: placesText(target.vip, found),
    wanted: "on no interface",
    holds: found.length === 0,
    why: "with the redirect method the host needs no VIP, and one it has would be answered for by ARP",
    steps: [],
    remedy: found.length === 0 ? null : removal(target.vip, found),
  };
}

/** Interfaces, loopback aside, that hold the VIP with prefix /32. */
export function nicsHolding(state: HostState, vip: string): string[] {
  return holders(state, vip)
    .filter((held) => held.prefixLength === 32 && !held.isLoopback)
    .map((held) => held.device);
}

interface Holder {
  readonly device: string;
  readonly isLoopback: boolean;
  readonly prefixLength: number;
}

function holders(state: HostState, vip: string): Holder[] {
  return state.links.flatMap((link) =>
    link.addresses.filter((held) => held.address === vip).map(({ prefixLength }) => ({
      device: link.name,
      isLoopback: link.isLoopback,
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
  const misplaced = found.filter((held) =>
    held.prefixLength !== 32 || (!rule.isAnywhereFine && held.device !== rule.device)
  );
  const wrongPrefix = misplaced.find((held) => held.prefixLength !== 32);
  const step: AddAddress = { kind: "addAddress", address: vip, device: rule.device };
  return {
    fact: `VIP ${vip}`,
    found: placesText(vip, found),
    wanted: rule.isAnywhereFine ? `${vip}/32 on some interface` : `${vip}/32 on ${rule.device} only`,
    holds: found.length > 0 && misplaced.length === 0,
    why: wrongPrefix === undefined
      ? rule.why
      : `with prefix /${wrongPrefix.prefixLength} the host claims the whole subnet, not just the VIP`,
    steps: found.length === 0 ? [step] : [],
    remedy: misplaced.length === 0 ? null : removal(vip, misplaced) +
      (wrongPrefix === undefined ? "\nor use --method nft, which allows it there" : ""),
  };
}

function loopbackUp(state: HostState): Requirement[] {
  if (state.links.some((link) => link.name === "lo" && link.isUp)) return [];
  return [{
    fact: "interface lo",
    found: "down",
    wanted: "up",
    holds: false,
    why: "the kernel does not accept packets for addresses of an interface that is down",
    steps: [],
    remedy: "ip link set lo up",
  }];
}

function placesText(vip: string, found: readonly Holder[]): string {
  if (found.length === 0) return "on no interface";
  return found.map(({ device, prefixLength }) => `${vip}/${prefixLength} on ${device}`).join(", ");
}

function removal(vip: string, found: readonly Holder[]): string {
  const commands = found.map((held) => `ip address delete ${vip}/${held.prefixLength} dev ${held.device}`);
  return `If an earlier run of lvsdr put ${vip} there: lvsdr realserver --undo\n` +
    `If ${vip} really is the VIP and not this host's own address: ${commands.join("; ")}`;
}
