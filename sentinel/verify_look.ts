/**
 * What `lvsdr verify` does on one interface: the audit of the real servers there, the search for an address to probe from,
 * and a proof of every port from that.
 *
 * @module
 */

import { type Config, vipsOf, type VirtualService } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { familyOf } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { Audit } from "./audit.ts";
import { AddressClaim, AddressOwner } from "./probe_address.ts";
import { configuredAddress, freeLookingAddresses, pickDecoys } from "./probe_choice.ts";
import { Proof, type ProofOutcome, type ProofTarget } from "./proof.ts";
import type { Vantage } from "./vantage.ts";
import type { PlannedProof } from "./verify_plan.ts";
import { filterFor, Wire } from "./wire.ts";

/** `not_provable`: a SYN tells nothing about it, or none could be sent. */
export type PortOutcome =
  | ProofOutcome
  | { readonly verdict: "unreachable" }
  | { readonly verdict: "not_provable"; readonly reason: string };

/** An address that somebody has. */
export interface HeldBy {
  readonly address: string;
  readonly mac: string;
  /** Whether that is a director on this host, for proofs of its own. */
  readonly isOurs: boolean;
}

/** An interface that was looked from. */
export interface View {
  readonly interface: string;
  /** Address proofs were made from; `null` if there was nothing to probe, or no address. */
  readonly probeAddress: string | null;
  /** `director.probe_address`, if somebody has it, so that another one was looked for; else `null`. */
  readonly displaced: HeldBy | null;
}

/** What was seen from one vantage. */
export interface Look {
  readonly view: View;
  /** MAC of the interface. */
  readonly mac: string;
  /** Of the family of the real servers. */
  readonly vips: readonly string[];
  readonly audit: Audit;
  readonly outcomes: ReadonlyMap<PlannedProof, PortOutcome>;
}

/**
 * Looks from one vantage.
 *
 * @param held Addresses that a director on this host makes proofs from.
 * @throws {OperatorError} If the interface cannot be used, or no free address to probe from is found and no single host is
 * to blame.
 */
export async function look(
  config: Config,
  services: readonly VirtualService[],
  planned: readonly PlannedProof[],
  vantage: Vantage,
  held: ReadonlySet<string>,
): Promise<Look> {
  const { servers, link } = vantage;
  const family = familyOf(vantage.subnet.address);
  const vips = vipsOf({ services }).filter((vip) => familyOf(vip) === family);
  const probed = planned.filter(({ reason, server }) => reason === null && servers.includes(server));
  const configured = probed.length === 0 ? null : configuredAddress(config, vantage);
  const candidates = probed.length === 0 ? [] : [
    ...(configured === null || held.has(configured) ? [] : [configured]),
    ...freeLookingAddresses(config, vantage, held),
  ];
  const { audit, claim } = await surveyLink(vantage, vips, candidates, pickDecoys(config, vantage));
  const probeAddress = claim.free;
  const hoarder = audit.usurpers.find(({ isForEverything }) => isForEverything);
  if (probed.length > 0 && probeAddress === null && hoarder === undefined) {
    throw noFreeAddress(vantage, claim);
  }

  const outcomes = new Map<PlannedProof, PortOutcome>();
  const reached: { readonly plan: PlannedProof; readonly target: ProofTarget }[] = [];
  for (const plan of probed) {
    const { server, service: { vip }, ports } = plan;
    const mac = audit.macOf(server);
    const macs = audit.macsOf(server);
    if (macs.length === 0) outcomes.set(plan, { verdict: "unreachable" });
    else if (mac === null) {
      outcomes.set(plan, notProvable(`it cannot be told whether it is ${macs.join(" or ")}`));
    } else if (probeAddress === null) {
      outcomes.set(plan, notProvable(`${hoarder!.mac} has every address to probe from`));
    } else reached.push({ plan, target: { server, mac, vip, port: ports.first } });
  }
  if (probeAddress !== null && reached.length > 0) {
    const proven = await prove(vantage, probeAddress, reached.map(({ target }) => target));
    for (const [index, { plan }] of reached.entries()) outcomes.set(plan, proven[index]!);
  }
  const displaced = configured === null
    ? null
    : held.has(configured)
    ? { address: configured, mac: link.mac, isOurs: true }
    : displacedAddress(configured, claim);
  const view = { interface: link.name, probeAddress, displaced };
  return { view, mac: link.mac, vips, audit, outcomes };
}

/** Audits, and looks for a free address meanwhile. */
async function surveyLink(
  { link, servers, senderAddress }: Vantage,
  vips: readonly string[],
  candidates: readonly string[],
  decoys: readonly string[],
): Promise<{ readonly audit: Audit; readonly claim: AddressClaim }> {
  using wire = Wire.open(link, filterFor([]), candidates);
  const audit = new Audit(wire, { servers, vips, senderAddress, asksEverybody: true, decoys });
  const claim = new AddressClaim(wire, candidates);
  await wire.converse(candidates.length === 0 ? [audit] : [audit, claim]);
  return { audit, claim };
}

async function prove(
  { link }: Vantage,
  probeAddress: string,
  targets: readonly ProofTarget[],
): Promise<ProofOutcome[]> {
  using wire = Wire.open(link, filterFor([probeAddress]), [probeAddress]);
  const owner = new AddressOwner(wire, probeAddress);
  const proof = new Proof(wire, probeAddress, targets);
  await wire.converse([owner, proof]);
  if (owner.thief === null) return proof.outcomes;
  throw new OperatorError(
    `Address ${probeAddress} was taken by ${owner.thief} while real servers were probed from it`,
    ExitCode.UNAVAILABLE,
    { remedy: "Run it once more" },
  );
}

function displacedAddress(address: string, claim: AddressClaim): HeldBy | null {
  const mac = claim.ownerOf(address);
  return mac === null ? null : { address, mac, isOurs: false };
}

function notProvable(reason: string): PortOutcome {
  return { verdict: "not_provable", reason };
}

function noFreeAddress({ subnet }: Vantage, claim: AddressClaim): OperatorError {
  return new OperatorError(
    `No free address to probe from was found in the subnet of ${subnet.address}/${subnet.prefixLength}` +
      (claim.owners.length === 0 ? "" : `: what was tried is in use by ${claim.owners.join(", ")}`),
    ExitCode.UNAVAILABLE,
    {
      remedy: "Run it once more, or set director.probe_address to an address of that subnet that nobody has",
    },
  );
}
