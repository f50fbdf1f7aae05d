/**
 * One verification of a cluster: the audit of ARP and the end-to-end proof of every port, and what follows from them.
 *
 * @module
 */

import type { Config, PortRange, VirtualService } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { ipv4FromText, isInPrefix } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { Audit, type ServerAudit, type VipHolders } from "./audit.ts";
import { auditFinding, type ConfigFile, type Finding, isGood, proofFinding } from "./finding.ts";
import { AddressClaim, pickCandidates } from "./probe_address.ts";
import { Proof, type ProofOutcome, type ProofTarget } from "./proof.ts";
import type { Vantage } from "./vantage.ts";
import { Wire } from "./wire.ts";

/** Ports of a longer range are not all probed: no application listens on all of them. */
const MOST_PORTS_OF_RANGE = 16;

/** `not_provable`: a SYN tells nothing about it. */
export type PortOutcome =
  | ProofOutcome
  | { readonly verdict: "unreachable" }
  | { readonly verdict: "not_provable"; readonly reason: string };

/** What is proven about one port, or about a range that cannot be probed, of a service on one real server. */
export interface PortProof {
  readonly service: string;
  readonly vip: string;
  readonly protocol: VirtualService["protocol"];
  readonly ports: PortRange;
  readonly server: string;
  readonly outcome: PortOutcome;
}

export interface Verification {
  /** Whether nothing is wrong, as far as it can be proven. */
  readonly ok: boolean;
  readonly interface: string;
  /** Address the proof was made from; `null` if there was nothing to probe. */
  readonly probeAddress: string | null;
  readonly audits: readonly ServerAudit[];
  readonly holders: readonly VipHolders[];
  readonly proofs: readonly PortProof[];
  /** One for each thing to repair, in the order of what revealed it. */
  readonly findings: readonly Finding[];
}

/**
 * Verifies services.
 *
 * @throws {OperatorError} If the interface cannot be used, or no free address to probe from is found.
 */
export async function verify(
  file: ConfigFile,
  services: readonly VirtualService[],
  vantage: Vantage,
): Promise<Verification> {
  const { config } = file;
  const servers = [...new Set(services.flatMap((service) => service.servers.map(({ address }) => address)))];
  const vips = [...new Set(services.map(({ vip }) => vip))];
  const planned = services.flatMap(planProofs);
  const hasProbes = planned.some(({ reason }) => reason === null);
  const candidates = hasProbes ? probeCandidates(config, vantage) : [];

  const survey = await surveyLink(vantage, { servers, vips }, candidates);
  const probeAddress = hasProbes ? assertFree(config, vantage, survey.claim) : null;
  const audits = survey.audit.verdicts;

  const targets = planned.flatMap(({ service, ports, server, reason }): ProofTarget[] => {
    const mac = survey.audit.macOf(server);
    return reason === null && mac !== null ? [{ server, mac, vip: service.vip, port: ports.first }] : [];
  });
  const outcomes = probeAddress === null ? [] : await prove(vantage, probeAddress, targets);
  const proofs = planned.map(({ service, ports, server, reason }): PortProof => ({
    service: service.name,
    vip: service.vip,
    protocol: service.protocol,
    ports,
    server,
    outcome: reason !== null
      ? { verdict: "not_provable", reason }
      : survey.audit.macOf(server) === null
      ? { verdict: "unreachable" }
      : outcomes.shift()!,
  }));

  const findings = distinct([
    ...audits.map((audit) => auditFinding(audit, file)),
    ...survey.audit.holders.map(holdersFinding),
    ...proofs.map((proof, index) => findingOf(proof, planned[index]!.service, probeAddress, file)),
  ]);
  return {
    ok: findings.length === 0,
    interface: vantage.link.name,
    probeAddress,
    audits,
    holders: survey.audit.holders,
    proofs,
    findings,
  };
}

interface PlannedProof {
  readonly service: VirtualService;
  readonly ports: PortRange;
  readonly server: string;
  /** Why it cannot be proven, or `null`: then `ports` is one port. */
  readonly reason: string | null;
}

function planProofs(service: VirtualService): PlannedProof[] {
  const ranges = service.protocol === "udp"
    ? service.ports.map((ports) => ({ ports, reason: "UDP answers nothing by itself" }))
    : service.ports.flatMap((ports) => portsOfRange(service, ports));
  return service.servers.flatMap(({ address }) =>
    ranges.map((range) => ({ service, server: address, ...range }))
  );
}

function portsOfRange(service: VirtualService, range: PortRange): Pick<PlannedProof, "ports" | "reason">[] {
  const single = (port: number) => ({ ports: { first: port, last: port }, reason: null });
  const count = range.last - range.first + 1;
  if (count <= MOST_PORTS_OF_RANGE) return Array.from({ length: count }, (_, i) => single(range.first + i));
  const checked = service.health?.port;
  if (checked !== undefined && range.first <= checked && checked <= range.last) return [single(checked)];
  return [{ ports: range, reason: "too many ports, and no health check says which one must answer" }];
}

/** Addresses to choose from. */
function probeCandidates(config: Config, { link, subnet }: Vantage): string[] {
  const { probeAddress: wanted } = config.director;
  if (wanted === null) {
    const used = config.services.flatMap((
      { vip, servers },
    ) => [vip, ...servers.map(({ address }) => address)]);
    return pickCandidates(subnet, new Set([...used, ...link.addresses.map(({ address }) => address)]));
  }
  const isUsable = isInPrefix(wanted, subnet.address, subnet.prefixLength);
  if (isUsable && link.addresses.every(({ address }) => address !== wanted)) return [wanted];
  throw new OperatorError(
    isUsable
      ? `director.probe_address ${wanted} is an address of this host`
      : `director.probe_address ${wanted} is not in the real servers' subnet ${subnet.address}/${subnet.prefixLength}`,
    ExitCode.CONFIG,
    { remedy: "Set it to an address of that subnet that nobody has, or leave it out to have one chosen" },
  );
}

/** Audits, and looks for a free address meanwhile. */
async function surveyLink(
  { link, senderAddress }: Vantage,
  question: ConstructorParameters<typeof Audit>[1],
  candidates: readonly string[],
): Promise<{ readonly audit: Audit; readonly claim: AddressClaim }> {
  using wire = Wire.open(link, "arp");
  const audit = new Audit(wire, question, senderAddress);
  const claim = new AddressClaim(wire, candidates);
  await wire.converse(candidates.length === 0 ? [audit] : [audit, claim]);
  return { audit, claim };
}

function assertFree(config: Config, { subnet }: Vantage, claim: AddressClaim): string {
  if (claim.free !== null) return claim.free;
  const { probeAddress: wanted } = config.director;
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

async function prove(
  { link }: Vantage,
  probeAddress: string,
  targets: readonly ProofTarget[],
): Promise<ProofOutcome[]> {
  using wire = Wire.open(link, `arp or ip host ${probeAddress}`);
  const proof = new Proof(wire, probeAddress, targets);
  await wire.converse([proof]);
  if (proof.thief === null) return proof.outcomes;
  throw new OperatorError(
    `Address ${probeAddress} was taken by ${proof.thief} while real servers were probed from it`,
    ExitCode.UNAVAILABLE,
    { remedy: "Run it once more" },
  );
}

function holdersFinding({ vip, macs }: VipHolders): Finding | null {
  if (macs.length < 2) return null;
  return {
    host: `the host with MAC ${macs[1]}`,
    problem: `${
      macs.join(" and ")
    }, none of them a real server, answer ARP for ${vip}: only one can be the director`,
    command: "ip -br address; ip -br link",
  };
}

function findingOf(
  { outcome, server, ports }: PortProof,
  service: VirtualService,
  probeAddress: string | null,
  file: ConfigFile,
): Finding | null {
  // The audit has told already that it is unreachable.
  if (outcome.verdict === "unreachable" || outcome.verdict === "not_provable") return null;
  if (probeAddress === null || isGood(outcome)) return null;
  return proofFinding(outcome, { server, port: ports.first, probeAddress }, service, file);
}

/** The same thing is often seen on several ports. */
function distinct(findings: readonly (Finding | null)[]): Finding[] {
  const byText = new Map<string, Finding>();
  for (const finding of findings) if (finding !== null) byText.set(finding.problem, finding);
  return [...byText.values()];
}
