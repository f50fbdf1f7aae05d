/**
 * Notices when one of the director's interfaces has become another one than it was attached to.
 *
 * @module
 */

import type { EthernetLink } from "../host/ethernet_link.ts";
import { hostPrefixLength, type Link, type LinkAddress, readLinks } from "../host/links.ts";
import { INTERFACE_REPORTS, isOfInterface } from "../host/interface_reports.ts";
import { LookOut } from "../host/look_out.ts";
import { type AddressFamily, familyOf, isInPrefix } from "../model/ip_address.ts";
import type { Attachment } from "./attachment.ts";

/** What has become of an interface; `null` if all is as it was. */
export type InterfaceChange =
  | { readonly kind: "gone"; readonly message: string }
  /** The message says what has changed, for example `MTU 1500 → 1400`. */
  | { readonly kind: "changed"; readonly message: string };

/** Compares an interface with what the host has now: with its addresses of these families only. */
export function interfaceChange(
  attachment: Pick<EthernetLink, "name" | "index" | "mac" | "mtu" | "addresses" | "ipv6Addresses">,
  links: readonly Link[],
  families: ReadonlySet<AddressFamily>,
): InterfaceChange | null {
  const { name } = attachment;
  const link = links.find(({ index }) => index === attachment.index);
  if (link === undefined) return { kind: "gone", message: `Interface "${name}" has been removed` };
  if (link.name !== name) {
    return { kind: "gone", message: `Interface "${name}" has been renamed to "${link.name}"` };
  }
  const senders = sendersOf(attachment, families);
  const changes = [
    ...(link.mtu === attachment.mtu ? [] : [`MTU ${attachment.mtu} → ${link.mtu}`]),
    ...(link.mac === attachment.mac ? [] : [`MAC ${attachment.mac} → ${link.mac ?? "none"}`]),
    ...addressChanges(senders, sendersOf(link, families), askedFrom(senders, attachment)),
  ];
  return changes.length === 0 ? null : { kind: "changed", message: changes.join(", ") };
}

/** Addresses that neighbours can be asked from. Link-local ones come and go with the carrier, to no other host. */
function sendersOf(
  { addresses, ipv6Addresses }: Pick<Link, "addresses" | "ipv6Addresses">,
  families: ReadonlySet<AddressFamily>,
): LinkAddress[] {
  return [...addresses, ...ipv6Addresses].filter(({ address, prefixLength, scope }) =>
    families.has(familyOf(address)) && scope !== "link" && prefixLength < hostPrefixLength(address)
  );
}

/**
 * Those of some addresses that the datapath asks from: the first in each subnet, over IPv6 none where there is a
 * link-local one, which it prefers.
 */
function askedFrom(
  held: readonly LinkAddress[],
  { ipv6Addresses }: Pick<Link, "ipv6Addresses">,
): LinkAddress[] {
  const hasLinkLocal = ipv6Addresses.some(({ scope }) => scope === "link");
  return held.filter((one, index) => {
    if (hasLinkLocal && familyOf(one.address) === 6) return false;
    return !held.slice(0, index).some((other) =>
      other.prefixLength <= one.prefixLength && isBeside(one, other)
    );
  });
}

/** Whether an address is in the subnet of another one. */
function isBeside({ address }: LinkAddress, other: LinkAddress): boolean {
  return familyOf(address) === familyOf(other.address) &&
    isInPrefix(address, other.address, other.prefixLength);
}

/**
 * What is said of addresses if they matter: one that neighbours are asked from and that has gone may be another host's
 * now, and where there was none in a subnet, or is none any more, nobody can be asked. Further ones in a subnet come and
 * go: IPv6 hosts may take one every day, and give one up (RFC 8981).
 *
 * @param asked Those of `before` that neighbours are asked from.
 */
function addressChanges(
  before: readonly LinkAddress[],
  now: readonly LinkAddress[],
  asked: readonly LinkAddress[],
): string[] {
  const isAmong = (held: readonly LinkAddress[], { address, prefixLength }: LinkAddress) =>
    held.some((other) => other.address === address && other.prefixLength === prefixLength);
  const lost = before.filter((held) => !isAmong(now, held));
  const found = now.filter((held) => !isAmong(before, held));
  const isMissed = (held: LinkAddress) => asked.includes(held) || !now.some((other) => isBeside(held, other));
  const isInNewSubnet = (held: LinkAddress) => !before.some((other) => isBeside(held, other));
  if (!lost.some(isMissed) && !found.some(isInNewSubnet)) return [];
  const text = ({ address, prefixLength }: LinkAddress) => `${address}/${prefixLength}`;
  return [...lost.map((held) => `without ${text(held)}`), ...found.map((held) => `with ${text(held)}`)];
}

/** What has become of the interfaces in use, and of which; one that is gone comes first, before all that of the VIPs. */
export function attachmentChange(
  { interfaces, uplinks }: Pick<Attachment, "interfaces" | "uplinks">,
  links: readonly Link[],
): InterfaceChange & { readonly name: string } | null {
  const families = new Set([...uplinks.keys()].map(familyOf));
  const changes = interfaces.flatMap((attached) => {
    const change = interfaceChange(attached, links, families);
    return change === null ? [] : [{ ...change, name: attached.name }];
  });
  return changes.find(({ kind }) => kind === "gone") ?? changes[0] ?? null;
}

export interface InterfaceUser {
  /** Where it is attached now. */
  readonly attachment: Pick<Attachment, "interfaces">;
  /** Whether it works with interfaces as these. */
  isAttachedTo(links: readonly Link[]): boolean;
}

/**
 * Watches the interfaces in use until the returned object is disposed of.
 *
 * @param onChange Called at every look that does not find them as they are used, and at the first that does again; also
 * when they cannot be looked at.
 */
export function watchInterfaces(user: InterfaceUser, onChange: () => void): LookOut {
  let wasAttached = true;
  return new LookOut({
    reporters: [{
      words: INTERFACE_REPORTS,
      isRelevant: (line) => isOfInterface(line, user.attachment.interfaces.map(({ index }) => index)),
    }],
    look: async () => {
      const isAttached = user.isAttachedTo(await readLinks());
      if (!isAttached || !wasAttached) onChange();
      wasAttached = isAttached;
      return isAttached;
    },
    onFailure: () => {
      wasAttached = false;
      onChange();
    },
  });
}
