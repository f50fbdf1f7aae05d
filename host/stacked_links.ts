/**
 * Interfaces that are made of others: those of VLANs, and bonds, as ip(8) reports them.
 *
 * @module
 */

import { requireCommand } from "./command.ts";

interface StackedLinkJson {
  readonly ifname?: string;
  /** Name of the interface that this one is stacked on. */
  readonly link?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: { readonly id?: number };
    readonly info_slave_kind?: string;
  };
}

/** VLANs that the host has an interface in, on top of `device`. */
export async function readVlansOn(device: string): Promise<Set<number>> {
  return parseVlansOn(
    device,
    await requireCommand("ip", ["-json", "-details", "link", "show", "type", "vlan"]),
  );
}

/** The same from the output of `ip -json -details link show`. */
export function parseVlansOn(device: string, json: string): Set<number> {
  return new Set(
    entriesOf(json).filter(({ link, linkinfo }) => link === device && linkinfo?.info_kind === "vlan")
      .flatMap(({ linkinfo }) => linkinfo?.info_data?.id ?? []),
  );
}

/** Interfaces that a bond or a team receives through; none if `device` is neither. */
export async function readBonded(device: string): Promise<string[]> {
  return parseBonded(await requireCommand("ip", ["-json", "-details", "link", "show", "master", device]));
}

/** The same from the output of `ip -json -details link show master DEVICE`. */
export function parseBonded(json: string): string[] {
  const kinds = ["bond", "team"];
  return entriesOf(json).filter(({ linkinfo }) => kinds.includes(linkinfo?.info_slave_kind ?? ""))
    .flatMap(({ ifname }) => ifname ?? []);
}

function entriesOf(json: string): readonly StackedLinkJson[] {
  return JSON.parse(json || "[]");
}
