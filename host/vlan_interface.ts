/**
 * Giving a host an interface in a VLAN: the command, with a name that the kernel takes.
 *
 * @module
 */

import { shellCommand } from "./command.ts";
import type { Link } from "./links.ts";

/** Characters of an interface's name at most: IFNAMSIZ of linux/if.h, which counts a zero byte as well, less one. */
const MOST_CHARACTERS = 15;

/**
 * The shell command that makes an interface in a VLAN.
 *
 * @param device The interface that its frames arrive on with their tags.
 * @param links Those of the host, whose names are taken.
 */
export function makeVlanCommand(device: string, vlan: number, links: readonly Pick<Link, "name">[]): string {
  const name = vlanInterfaceName(device, vlan, links);
  return shellCommand(["ip", "link", "add", "link", device, "name", name, "type", "vlan", "id", `${vlan}`]);
}

/**
 * What {@linkcode makeVlanCommand} calls the interface: the usual name, `eth0.7`, where that fits and is nobody's; the names
 * for two VLANs are never the same.
 */
export function vlanInterfaceName(
  device: string,
  vlan: number,
  links: readonly Pick<Link, "name">[],
): string {
  const taken = new Set(links.map((link) => link.name));
  const usual = `${device}.${vlan}`;
  if (usual.length <= MOST_CHARACTERS && !taken.has(usual)) return usual;
  const plain = `vlan${vlan}`;
  if (!taken.has(plain)) return plain;
  let number = 2;
  while (taken.has(`${plain}-${number}`)) number += 1;
  return `${plain}-${number}`;
}
