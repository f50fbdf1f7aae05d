/**
 * The neighbours of all interfaces: each real server is known on the one it is reached by. What is said about it on
 * another one is said by somebody else.
 *
 * @module
 */

import type { Mac } from "../model/ip_address.ts";
import type { InterfaceData, ServiceData } from "./messages.ts";
import { type NeighborChange, type NeighborId, NeighborTable } from "./neighbor_table.ts";
import { UNTAGGED } from "./wire/ethernet.ts";

export class Neighborhood {
  /** By the number of the interface: 0 for that of the VIPs, from 1 on the uplinks. */
  readonly tables: readonly [NeighborTable, ...NeighborTable[]];

  /** @param onChange Called from within the methods of the tables, and from {@linkcode adopt}. */
  constructor(
    local: InterfaceData,
    uplinks: readonly InterfaceData[],
    onChange: (change: NeighborChange) => void,
  ) {
    const tableOf = ({ addresses }: InterfaceData) => new NeighborTable(addresses, onChange);
    this.tables = [tableOf(local), ...uplinks.map(tableOf)];
  }

  /** MAC of a neighbour, or `null` while it is not known. */
  macOf(address: string, vlan: number): Mac | null {
    for (const table of this.tables) {
      const mac = table.macOf(address, vlan);
      if (mac !== null) return mac;
    }
    return null;
  }

  /** Whether a neighbour was asked for just now; see {@linkcode NeighborTable.isSought}. */
  isSought(address: string, vlan: number, nowMs: number): boolean {
    return this.tables.some((table) => table.isSought(address, vlan, nowMs));
  }

  /** Milliseconds since the last sign that a MAC is right; see {@linkcode NeighborTable.ageOf}. */
  ageOf(address: string, vlan: number, nowMs: number): number | null {
    for (const table of this.tables) {
      const age = table.ageOf(address, vlan, nowMs);
      if (age !== null) return age;
    }
    return null;
  }

  /** Makes the real servers of `services` the neighbours to know; what is known of those that stay is kept. */
  reconcile(services: readonly ServiceData[], nowMs: number): void {
    const servers = services.flatMap(({ destinations }) => destinations);
    this.tables.forEach((table, number) => {
      const wanted = servers.filter(({ egress }) => egress === number);
      table.reconcile(wanted.map(({ address, vlan }) => ({ address, vlan: vlan ?? UNTAGGED })), nowMs);
    });
  }

  /** Takes over what another worker has found out about a neighbour; `null` means that it is lost. */
  adopt(neighbor: NeighborId, mac: Mac | null): void {
    for (const table of this.tables) table.adopt(neighbor, mac);
  }
}
