/**
 * Notices when one of the director's interfaces has become another one than it was attached to.
 *
 * @module
 */

import { hostPrefixLength, type Link, type LinkAddress, readLinks } from "../host/links.ts";
import { LookOut } from "../host/look_out.ts";
import { type AddressFamily, familyOf, isInPrefix } from "../model/ip_address.ts";
import type { Attachment, EthernetLink } from "./attachment.ts";

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
  const changes = [
    ...(link.mtu === attachment.mtu ? [] : [`MTU ${attachment.mtu} → ${link.mtu}`]),
    ...(link.mac === attachment.mac ? [] : [`MAC ${attachment.mac} → ${link.mac ?? "none"}`]),
    ...addressChanges(sendersOf(attachment, families), sendersOf(link, families)),
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
 * What is said of addresses if they matter: an address that has gone may be another host's now, and where there was
 * none in a subnet, nobody there could be asked. A further one in a subnet changes nothing: IPv6 hosts may take one
 * every day (RFC 8981).
 */
function addressChanges(before: readonly LinkAddress[], now: readonly LinkAddress[]): string[] {
  const isAmong = (held: readonly LinkAddress[], { address, prefixLength }: LinkAddress) =>
    held.some((other) => other.address === address && other.prefixLength === prefixLength);
  const lost = before.filter((held) => !isAmong(now, held));
  const found = now.filter((held) => !isAmong(before, held));
  const isInNewSubnet = ({ address }: LinkAddress) =>
    !before.some((held) =>
      familyOf(held.address) === familyOf(address) && isInPrefix(address, held.address, held.prefixLength)
    );
  if (lost.length === 0 && !found.some(isInNewSubnet)) return [];
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
      words: ["ip", "-oneline", "monitor", "link", "address"],
      isRelevant: (line) =>
        user.attachment.interfaces.some(({ index }) =>
          line.replace(/^Deleted /, "").startsWith(`${index}: `)
        ),
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
