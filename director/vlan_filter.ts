/**
 * Letting the frames of all VLANs in. A card that filters them takes those alone that an interface of the host is in,
 * and the director needs no interface in its VLANs.
 *
 * @module
 */

import { INTERFACE_REPORTS, isOfLink } from "../host/interface_reports.ts";
import type { Journal } from "../host/journal.ts";
import { readLinks } from "../host/links.ts";
import { LookOut } from "../host/look_out.ts";
import { filteringCards, VLAN_FILTER } from "../host/vlan_filter.ts";
import { makeVlanCommand } from "../host/vlan_interface.ts";
import type { VirtualService } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { switchOff } from "./offloads.ts";

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
    const commands = await makeVlansCommand(device, missing);
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

/** The command that lets a card with a filter know of VLANs, by an interface in each. */
async function makeVlansCommand(device: string, missing: readonly number[]): Promise<string> {
  const links = await readLinks();
  return missing.map((vlan) => makeVlanCommand(device, vlan, links)).join("; ");
}

function closedCard(card: string, missing: readonly number[], commands: string): HostError {
  return new HostError(
    `ethtool -k ${card}`,
    `Interface "${card}" lets no frames of VLAN ${missing.join(", ")} in: ${VLAN_FILTER} is on, and fixed`,
    ExitCode.UNAVAILABLE,
    { remedy: `Let it know of them: ${commands}` },
  );
}
