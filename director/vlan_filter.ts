/**
 * Letting the frames of all VLANs in. A card that filters them takes those alone that an interface of the host is in,
 * and the director needs no interface in its VLANs.
 *
 * @module
 */

import { readFeatures } from "../host/interface_features.ts";
import type { Journal } from "../host/journal.ts";
import { readBonded, readVlansOn } from "../host/stacked_links.ts";
import type { VirtualService } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { switchOff } from "./offloads.ts";

/** The filter, by its name in ethtool(8). */
const FILTER = "rx-vlan-filter";

/** VLANs of services and of their real servers, ascending. */
export function vlansOf(services: readonly VirtualService[]): number[] {
  const vlans = services.flatMap(({ vlan, servers }) => [vlan, ...servers.map((server) => server.vlan)]);
  return [...new Set(vlans.filter((vlan) => vlan !== null))].toSorted((one, other) => one - other);
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
  const vlans = vlansOf(services);
  if (vlans.length === 0) return [];
  const opened: string[] = [];
  for (const card of [device, ...await readBonded(device)]) {
    const filter = (await readFeatures(card)).get(FILTER);
    if (!filter?.isOn) continue;
    if (filter.isFixed) await requireInterfaces(card, device, vlans);
    else {
      await switchOff(
        journal,
        card,
        [FILTER],
        `See what its driver says: dmesg; or ${makeText(device, vlans)}`,
      );
      opened.push(card);
    }
  }
  return opened;
}

/** What {@linkcode letVlansIn} has done, to be appended to a sentence. */
export function openedText(cards: readonly string[]): string {
  return cards.length === 0 ? "" : `; ${FILTER} of ${cards.join(", ")} switched off`;
}

async function requireInterfaces(card: string, device: string, vlans: readonly number[]): Promise<void> {
  const present = await readVlansOn(device);
  const missing = vlans.filter((vlan) => !present.has(vlan));
  if (missing.length === 0) return;
  throw new HostError(
    `ethtool -k ${card}`,
    `Interface "${card}" lets no frames of VLAN ${missing.join(", ")} in: ${FILTER} is on, and fixed`,
    ExitCode.UNAVAILABLE,
    { remedy: `Let it know of them: ${makeText(device, missing)}` },
  );
}

function makeText(device: string, vlans: readonly number[]): string {
  return vlans.map((vlan) => `ip link add link ${device} name ${device}.${vlan} type vlan id ${vlan}`).join(
    "; ",
  );
}
