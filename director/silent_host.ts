/**
 * A host without nft(8), whose kernel must be one that leaves VIP traffic alone by itself.
 *
 * @module
 */

import { forwardingKeys, forwardingSettings } from "../host/forwarding.ts";
import { type Link, linkHolding, readLinks } from "../host/links.ts";
import { readSysctls, sysctlName } from "../host/sysctl.ts";
import { ExitCode } from "../model/exit_code.ts";
import { familyOf } from "../model/ip_address.ts";
import { HostError } from "../model/operator_error.ts";
import type { Covered, Guard } from "./guard.ts";
import { guardChains } from "./guard_chains.ts";

/** Stands in for a guard: nothing is done to the host, but what its kernel would interfere with is refused. */
export class SilentHost implements Guard {
  readonly hasRules = false;
  readonly #device: string;
  #covered: Covered = { vips: [], uplinks: [] };

  /** @param device Interface of the VIPs. */
  constructor(device: string) {
    this.#device = device;
  }

  async cover(change: Partial<Covered>): Promise<void> {
    const covered = { ...this.#covered, ...change };
    const links = await readLinks();
    const devices = this.#devicesOf(covered, links);
    // What is as it was cannot be refused any more: to stop following an interface would make nothing better.
    if (
      !covered.vips.every(({ vip }) => this.#covered.vips.some((before) => before.vip === vip)) ||
      !devices.every((device) => this.#devicesOf(this.#covered, links).includes(device))
    ) await refuseInterference(devices, covered.vips.map(({ vip }) => vip));
    this.#covered = covered;
  }

  #devicesOf(covered: Covered, links: readonly Link[]): string[] {
    // Nobody but the director has a use for what is sent to a probe address.
    return guardChains({ ...covered, device: this.#device, probes: [] }, links).map(({ device }) => device);
  }
}

async function refuseInterference(devices: readonly string[], vips: readonly string[]): Promise<void> {
  const interference = await interferenceOf(devices, vips);
  if (interference === null) return;
  throw new HostError(
    "nft",
    `This host's kernel would handle VIP traffic as well: ${interference}`,
    ExitCode.UNAVAILABLE,
    {
      remedy: "Install nftables, so that lvsdr can keep the kernel away from it: apt install nftables",
    },
  );
}

/** Why this host's kernel would handle VIP traffic, were there no guard, or `null` if it would not. */
export async function interferenceOf(
  devices: readonly string[],
  vips: readonly string[],
): Promise<string | null> {
  const links = await readLinks();
  for (const vip of vips) {
    const holder = linkHolding(links, vip);
    if (holder !== null) return `${vip} is an address of ${holder.name}`;
  }
  const ways = [...new Set(vips.map(familyOf))].flatMap((family) =>
    devices.map((device) => [family, device] as const)
  );
  const values = await readSysctls([...new Set(ways.flatMap((way) => forwardingKeys(...way)))]);
  const [key] = ways.flatMap((way) => forwardingSettings(values, ...way));
  return key === undefined ? null : `${sysctlName(key)} is ${values.get(key)}`;
}
