/**
 * Which addresses proofs may be made from: the configured one, or some of the real servers' subnet; and which nobody
 * should answer for.
 *
 * @module
 */

import { addressesLike } from "../host/links.ts";
import type { Config } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { familyOf, isInPrefix } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { pickCandidates } from "./probe_address.ts";
import type { Vantage } from "./vantage.ts";

/** Addresses that are asked for because nobody is known to have them. */
const DECOYS = 3;

/** What of a vantage a probe address depends on. */
export type ProbePlace = Pick<Vantage, "link" | "subnet">;

/**
 * Addresses to choose one from that is held from then on: the configured one alone, if there is one.
 *
 * @throws {OperatorError} If the configured one cannot be used there.
 */
export function probeCandidates(config: Config, place: ProbePlace): string[] {
  const configured = configuredAddress(config, place);
  return configured === null ? freeLookingAddresses(config, place) : [configured];
}

/**
 * The configured address where it is of the subnet's family: other families have theirs chosen.
 *
 * @throws {OperatorError} If it cannot be used there.
 */
export function configuredAddress(config: Config, { link, subnet }: ProbePlace): string | null {
  const { probeAddress: wanted } = config.director;
  if (wanted === null || familyOf(wanted) !== familyOf(subnet.address)) return null;
  const isOwn = addressesLike(link, wanted).some(({ address }) => address === wanted);
  if (isInPrefix(wanted, subnet.address, subnet.prefixLength) && !isOwn) return wanted;
  throw new OperatorError(
    isOwn
      ? `director.probe_address ${wanted} is an address of this host`
      : `director.probe_address ${wanted} is not in the real servers' subnet ${subnet.address}/${subnet.prefixLength}`,
    ExitCode.CONFIG,
    { remedy: "Set it to an address of that subnet that nobody has, or leave it out to have one chosen" },
  );
}

/** Some addresses of the subnet that nobody is known to have. */
export function freeLookingAddresses({ director, services }: Config, { link, subnet }: ProbePlace): string[] {
  const known = services.flatMap(({ vip, servers }) => [vip, ...servers.map(({ address }) => address)]);
  const own = addressesLike(link, subnet.address).map(({ address }) => address);
  const configured = director.probeAddress === null ? [] : [director.probeAddress];
  return pickCandidates(subnet, new Set([...known, ...own, ...configured]));
}

/** Here and there in the subnet, addresses that nobody is known to have: a host may well have several in a row. */
export function pickDecoys(config: Config, place: ProbePlace): string[] {
  const picked = Array.from({ length: DECOYS }, () => freeLookingAddresses(config, place).slice(0, 1));
  return [...new Set(picked.flat())];
}
