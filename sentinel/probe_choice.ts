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
import type { Vantage, Vantages } from "./vantage.ts";

/** Addresses that are asked for because nobody is known to have them. */
const DECOYS = 3;

/** What of a vantage a probe address depends on. */
type ProbePlace = Pick<Vantage, "link" | "subnet">;

/** Addresses nobody is known to hold for proofs. */
export const NONE_HELD: ReadonlySet<string> = new Set();

/** Addresses to choose one from that is held from then on: the configured one alone, where it is of the subnet. */
export function probeCandidates(config: Config, place: ProbePlace): string[] {
  const configured = configuredAddress(config, place);
  return configured === null ? freeLookingAddresses(config, place) : [configured];
}

/** The configured address where it is of the subnet: others have theirs chosen. */
export function configuredAddress({ director }: Config, { subnet }: ProbePlace): string | null {
  const { probeAddress } = director;
  if (probeAddress === null) return null;
  return isInPrefix(probeAddress, subnet.address, subnet.prefixLength) ? probeAddress : null;
}

/**
 * Looks whether the configured address can be used.
 *
 * @param places Those of all real servers that it may be for.
 * @throws {OperatorError} If it is this host's own, or of no subnet of the real servers of its family.
 */
export function assertProbeAddress(
  { director: { probeAddress } }: Config,
  { vantages, unseen }: Vantages,
): void {
  if (probeAddress === null) return;
  const isAlike = (address: string) => familyOf(address) === familyOf(probeAddress);
  const places = vantages.filter(({ subnet }) => isAlike(subnet.address));
  if (
    places.some(({ link }) => addressesLike(link, probeAddress).some((own) => own.address === probeAddress))
  ) {
    throw unusable(`director.probe_address ${probeAddress} is an address of this host`);
  }
  // It may be of the subnet of real servers that are not seen from here.
  if (places.length === 0 || [...unseen.keys()].some(isAlike)) return;
  const subnets = places.map(({ subnet }) => subnet);
  if (subnets.some(({ address, prefixLength }) => isInPrefix(probeAddress, address, prefixLength))) return;
  const names = subnets.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(", ");
  throw unusable(
    subnets.length === 1
      ? `director.probe_address ${probeAddress} is not in the real servers' subnet ${names}`
      : `director.probe_address ${probeAddress} is in none of the real servers' subnets ${names}`,
  );
}

function unusable(message: string): OperatorError {
  return new OperatorError(message, ExitCode.CONFIG, {
    remedy:
      "Set it to an address of a subnet of real servers that nobody has, or leave it out to have one chosen",
  });
}

/**
 * Some addresses of the subnet that nobody is known to have.
 *
 * @param held Addresses that a director on this host holds: it would not be heard to answer for them.
 */
export function freeLookingAddresses(
  { director, services }: Config,
  { link, subnet }: ProbePlace,
  held: ReadonlySet<string> = NONE_HELD,
): string[] {
  const known = services.flatMap(({ vip, servers }) => [vip, ...servers.map(({ address }) => address)]);
  const own = addressesLike(link, subnet.address).map(({ address }) => address);
  const configured = director.probeAddress === null ? [] : [director.probeAddress];
  return pickCandidates(subnet, new Set([...known, ...own, ...configured, ...held]));
}

/** Here and there in the subnet, addresses that nobody is known to have: a host may well have several in a row. */
export function pickDecoys(config: Config, place: ProbePlace): string[] {
  const picked = Array.from({ length: DECOYS }, () => freeLookingAddresses(config, place).slice(0, 1));
  return [...new Set(picked.flat())];
}
