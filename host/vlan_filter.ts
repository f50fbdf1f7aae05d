/**
 * Cards that filter VLANs: those take the frames of VLANs alone that an interface of the host is in.
 *
 * @module
 */

import type { VirtualService } from "../model/config.ts";
import { readFeatures } from "./interface_features.ts";
import { readBonded, readVlansOn } from "./stacked_links.ts";

/** The filter, by its name in ethtool(8). */
export const VLAN_FILTER = "rx-vlan-filter";

/** A card whose filter keeps frames of VLANs away. */
export interface FilteringCard {
  readonly name: string;
  /** Whether its filter has no switch. */
  readonly isFixed: boolean;
  /** The VLANs that the host has no interface in. */
  readonly missing: readonly number[];
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

/** VLANs of services and of their real servers, ascending. */
function vlansOf(services: readonly VirtualService[]): number[] {
  const vlans = services.flatMap(({ vlan, servers }) => [vlan, ...servers.map((server) => server.vlan)]);
  return [...new Set(vlans.filter((vlan) => vlan !== null))].toSorted((one, other) => one - other);
}
