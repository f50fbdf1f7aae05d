/**
 * What files of sysctl.d(5) would set of the variables that ARP hardening is made of.
 *
 * @module
 */

import { filesSetting } from "../../realserver/sysctl_files.ts";
import type { SysctlFileLine } from "./facts.ts";

/** Variables and the values the kernel has a meaning for (Documentation/networking/ip-sysctl.rst). */
const VALUES: Readonly<Record<string, number>> = {
  "net/ipv4/conf/all/arp_ignore": 8,
  "net/ipv4/conf/all/arp_announce": 2,
};

/** Reads the files. */
export async function readSysctlFiles(): Promise<SysctlFileLine[]> {
  const found: SysctlFileLine[] = [];
  for (const [key, largest] of Object.entries(VALUES)) {
    for (let value = 0; value <= largest; value++) {
      for (const line of await filesSetting(key, String(value))) {
        found.push({ key, value: String(value), path: line.slice(0, line.indexOf(" sets ")) });
      }
    }
  }
  return found;
}
