/**
 * Which addresses proofs may be made from: the configured one, or some of the real servers' subnet.
 *
 * @module
 */

import { addressesLike } from "../host/links.ts";
import type { Config } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { familyOf, isInPrefix } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { type AddressClaim, pickCandidates, type Subnet } from "./probe_address.ts";
import type { Vantage } from "./vantage.ts";

/** What of a vantage a probe address depends on. */
export type ProbePlace = Pick<Vantage, "link" | "subnet">;

/**
 * Addresses to choose from.
 *
 * @throws {OperatorError} If the configured one cannot be used there.
 */
export function probeCandidates(config: Config, { link, subnet }: ProbePlace): string[] {
  const own = new Set(addressesLike(link, subnet.address).map(({ address }) => address));
  const wanted = configuredFor(config, subnet);
  if (wanted === null) {
    const used = config.services.flatMap(({ vip, servers }) => [
      vip,
      ...servers.map(({ address }) => address),
    ]);
    return pickCandidates(subnet, new Set([...used, ...own]));
  }
  const isUsable = isInPrefix(wanted, subnet.address, subnet.prefixLength);
  if (isUsable && !own.has(wanted)) return [wanted];
  throw new OperatorError(
    isUsable
      ? `director.probe_address ${wanted} is an address of this host`
      : `director.probe_address ${wanted} is not in the real servers' subnet ${subnet.address}/${subnet.prefixLength}`,
    ExitCode.CONFIG,
    { remedy: "Set it to an address of that subnet that nobody has, or leave it out to have one chosen" },
  );
}

/**
 * The address that a claim which is over has found.
 *
 * @throws {OperatorError} If somebody has each of the candidates.
 */
export function assertFree(config: Config, { subnet }: ProbePlace, claim: AddressClaim): string {
  if (claim.free !== null) return claim.free;
  const wanted = configuredFor(config, subnet);
  if (wanted !== null) {
    throw new OperatorError(
      `director.probe_address ${wanted} is in use by ${claim.ownerOf(wanted)}`,
      ExitCode.UNAVAILABLE,
      { remedy: "Set it to an address that nobody has, or leave it out to have one chosen" },
    );
  }
  throw new OperatorError(
    `No free address to probe from was found in the subnet of ${subnet.address}/${subnet.prefixLength}`,
    ExitCode.UNAVAILABLE,
    {
      remedy: "Run it once more, or set director.probe_address to an address of that subnet that nobody has",
    },
  );
}

/** The configured address where it is of the subnet's family: other families have theirs chosen. */
function configuredFor(config: Config, subnet: Subnet): string | null {
  const { probeAddress } = config.director;
  return probeAddress !== null && familyOf(probeAddress) === familyOf(subnet.address) ? probeAddress : null;
}
