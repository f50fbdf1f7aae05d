/**
 * Letting the frames of all VLANs in. A card that filters them takes those alone that an interface of the host is in,
 * and the director needs no interface in its VLANs.
 *
 * @module
 */

import { readFeatures } from "../host/interface_features.ts";
import { INTERFACE_REPORTS, isOfLink } from "../host/interface_reports.ts";
import type { Journal } from "../host/journal.ts";
import { type Link, readLinks } from "../host/links.ts";
import { LookOut } from "../host/look_out.ts";
import { readBonded, readVlansOn } from "../host/stacked_links.ts";
import { makeVlanCommand } from "../host/vlan_interface.ts";
import type { VirtualService } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { switchOff } from "./offloads.ts";

/** The filter, by its name in ethtool(8). */
export const VLAN_FILTER = "rx-vlan-filter";

/** VLANs of services and of their real servers, ascending. */
function vlansOf(services: readonly VirtualService[]): number[] {
  const vlans = services.flatMap(({ vlan, servers }) => [vlan, ...servers.map((server) => server.vlan)]);
  return [...new Set(vlans.filter((vlan) => vlan !== null))].toSorted((one, other) => one - other);
}

/** A card whose filter keeps frames of VLANs away. */
export interface FilteringCard {
  readonly name: string;
  /** Whether its filter has no switch. */
  readonly isFixed: boolean;
  /** The VLANs that the host has no interface in. */
  readonly missing: readonly number[];
}

/**
 * Switches off, under the journal, what would keep frames of the services' VLANs away from an interface.
 *
 * @returns Cards that have let everything in since; those of a bond are apart.
 * @throws {HostError} If one keeps them away and has no switch, or ethtool(8) is missing.
 */
export async function letVlansIn(
  journal: Journal,
  device: string,
  services: readonly VirtualService[],
): Promise<string[]> {
  const opened: string[] = [];
  for (const { name, isFixed, missing } of await filteringCards(device, services)) {
    const commands = makeVlansCommands(device, missing, await readLinks()).join("; ");
    if (isFixed) throw closedCard(name, missing, commands);
    await switchOff(
      journal,
      name,
      [VLAN_FILTER],
      `See what its driver says: dmesg; or ${commands}`,
    );
    opened.push(name);
  }
  return opened;
}

/** What {@linkcode letVlansIn} has done, to be appended to a sentence. */
export function openedText(cards: readonly string[]): string {
  return cards.length === 0 ? "" : `; ${VLAN_FILTER} of ${cards.join(", ")} switched off`;
}

/**
 * Watches for filters that are switched on again, and for cards that join a bond, until the returned object is disposed
 * of.
 *
 * @param services What is to be let in at the time.
 * @param onChange Called at every look that finds frames kept away, or cannot be made, and at the first that does not
 * any more.
 */
export function watchVlanFilter(
  device: string,
  services: () => readonly VirtualService[],
  onChange: () => void,
): LookOut {
  let wasFiltering = false;
  return new LookOut({
    reporters: [{ words: INTERFACE_REPORTS, isRelevant: isOfLink }],
    look: async () => {
      const isFiltering = (await filteringCards(device, services())).length > 0;
      if (isFiltering || wasFiltering) onChange();
      wasFiltering = isFiltering;
      return true;
    },
    onFailure: () => {
      wasFiltering = true;
      onChange();
    },
  });
}

/**
 * What keeps frames of the services' VLANs away from an interface: its own card, or those of a bond.
 *
 * @throws {HostError} If ethtool(8) is missing, or there is no such interface.
 */
export async function filteringCards(
  device: string,
  services: readonly VirtualService[],
): Promise<FilteringCard[]> {
  const vlans = vlansOf(services);
  if (vlans.length === 0) return [];
  const cards: FilteringCard[] = [];
  for (const name of [device, ...await readBonded(device)]) {
    const filter = (await readFeatures(name)).get(VLAN_FILTER);
    if (!filter?.isOn) continue;
    const present = await readVlansOn(device);
    const missing = vlans.filter((vlan) => !present.has(vlan));
    if (missing.length > 0) cards.push({ name, isFixed: filter.isFixed, missing });
  }
  return cards;
}

/** The commands that let a card with a filter know of VLANs, by an interface in each. */
export function makeVlansCommands(
  device: string,
  missing: readonly number[],
  links: readonly Link[],
): string[] {
  return missing.map((vlan) => makeVlanCommand(device, vlan, links));
}

function closedCard(card: string, missing: readonly number[], commands: string): HostError {
  return new HostError(
    `ethtool -k ${card}`,
    `Interface "${card}" lets no frames of VLAN ${missing.join(", ")} in: ${VLAN_FILTER} is on, and fixed`,
    ExitCode.UNAVAILABLE,
    { remedy: `Let it know of them: ${commands}` },
  );
}
