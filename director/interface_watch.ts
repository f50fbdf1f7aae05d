/**
 * Notices when the director's interface has become another one than it was attached to.
 *
 * @module
 */

import { type Link, readLinks } from "../host/links.ts";
import { LookOut } from "../host/look_out.ts";
import type { Attachment } from "./attachment.ts";

/** What has become of an interface; `null` if all is as it was. */
export type InterfaceChange =
  | { readonly kind: "gone"; readonly message: string }
  /** The message says what has changed, for example `MTU 1500 → 1400`. */
  | { readonly kind: "changed"; readonly message: string };

/** Compares an interface with what the host has now. */
export function interfaceChange(
  attachment: Pick<Attachment, "name" | "index" | "mac" | "mtu">,
  links: readonly Link[],
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
  ];
  return changes.length === 0 ? null : { kind: "changed", message: changes.join(", ") };
}

/**
 * Watches an interface until the returned object is disposed of.
 *
 * @param attached The interface as the director knows it, asked for at every look.
 * @param onChange Called at every look that finds it changed.
 */
export function watchInterface(attached: () => Attachment, onChange: () => void): LookOut {
  return new LookOut({
    words: ["ip", "-oneline", "monitor", "link"],
    isRelevant: (line) => line.replace(/^Deleted /, "").startsWith(`${attached().index}: `),
    look: async () => {
      if (interfaceChange(attached(), await readLinks()) !== null) onChange();
      return true;
    },
  });
}
