/**
 * One verification of a cluster: the audit of ARP and the end-to-end proof of every port, and what follows from them.
 *
 * @module
 */

import type { Config, PortRange, VirtualService } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { familyOf } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { ServerAudit } from "../model/status_snapshot.ts";
import { Audit, type VipHolders } from "./audit.ts";
import { auditFinding, type ConfigFile, type Finding, proofFinding, questionWord } from "./finding.ts";
import { AddressClaim, AddressOwner } from "./probe_address.ts";
import { assertFree, probeCandidates } from "./probe_choice.ts";
import { Proof, type ProofOutcome, type ProofTarget } from "./proof.ts";
import type { Vantage, Vantages } from "./vantage.ts";
import { filterFor, Wire } from "./wire.ts";

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

/** An interface that was looked from. */
export interface View {
  readonly interface: string;
  /** Address proofs were made from; `null` if there was nothing to probe. */
  readonly probeAddress: string | null;
}

export interface Verification {
  /** Whether nothing is wrong, as far as it can be proven. */
  readonly ok: boolean;
  /** One for each subnet that real servers are in. */
  readonly views: readonly View[];
  readonly audits: readonly ServerAudit[];
  readonly holders: readonly VipHolders[];
  readonly proofs: readonly PortProof[];
  /** One for each thing to repair, in the order of what revealed it. */
  readonly findings: readonly Finding[];
}

/**
 * Verifies services.
 *
 * @throws {OperatorError} If a real server cannot be looked at that is in no VLAN, an interface cannot be used, or no free
 * address to probe from is found.
 */
export async function verify(
  file: ConfigFile,
  services: readonly VirtualService[],
  { vantages, unseen }: Vantages,
): Promise<Verification> {
  for (const { address, vlan } of services.flatMap(({ servers }) => servers)) {
    const obstacle = unseen.get(address);
    if (vlan === null && obstacle !== undefined) throw obstacle;
  }
  const planned = services.flatMap((service) => planProofs(service, unseen));
  const looks = await Promise.all(vantages.map((vantage) => look(file.config, services, planned, vantage)));
  const proofs = planned.map((plan): PortProof => ({
    service: plan.service.name,
    vip: plan.service.vip,
    protocol: plan.service.protocol,
    ports: plan.ports,
    server: plan.server,
    outcome: plan.reason !== null
      ? { verdict: "not_provable", reason: plan.reason }
      : looks.map(({ outcomes }) => outcomes.get(plan)).find((outcome) => outcome !== undefined) ??
        { verdict: "unreachable" },
  }));
  const audits = looks.flatMap((seen) => seen.audit.verdicts);
  const holders = looks.flatMap((seen) => seen.audit.holders);
  const findings = distinct([
    ...audits.map((audit) => auditFinding(audit, file)),
    ...holders.map(holdersFinding),
    ...planned.map((plan, index) => findingOf(proofs[index]!, plan, looks, file)),
  ]);
  return {
    ok: findings.length === 0,
    views: looks.map(({ view }) => view),
    audits,
    holders,
    proofs,
    findings,
  };
}

/** What was seen from one vantage. */
interface Look {
  readonly view: View;
  readonly audit: Audit;
  readonly outcomes: ReadonlyMap<PlannedProof, ProofOutcome>;
  readonly servers: readonly string[];
}

async function look(
  config: Config,
  services: readonly VirtualService[],
  planned: readonly PlannedProof[],
  vantage: Vantage,
): Promise<Look> {
  const { servers, link } = vantage;
  const family = familyOf(vantage.subnet.address);
  const vips = [...new Set(services.map(({ vip }) => vip).filter((vip) => familyOf(vip) === family))];
  const probed = planned.filter(({ reason, server }) => reason === null && servers.includes(server));
  const candidates = probed.length === 0 ? [] : probeCandidates(config, vantage);
  const { audit, claim } = await surveyLink(vantage, vips, candidates);
  const probeAddress = probed.length === 0 ? null : assertFree(config, vantage, claim);
  const reached = probed.flatMap((plan): { plan: PlannedProof; target: ProofTarget }[] => {
    const mac = audit.macOf(plan.server);
    const { server, service: { vip }, ports } = plan;
    return mac === null ? [] : [{ plan, target: { server, mac, vip, port: ports.first } }];
  });
  const proven = probeAddress === null
    ? []
    : await prove(vantage, probeAddress, reached.map(({ target }) => target));
  return {
    view: { interface: link.name, probeAddress },
    audit,
    outcomes: new Map(reached.map(({ plan }, index) => [plan, proven[index]!])),
    servers,
  };
}

interface PlannedProof {
  readonly service: VirtualService;
  readonly ports: PortRange;
  readonly server: string;
  /** Why it cannot be proven, or `null`: then `ports` is one port. */
  readonly reason: string | null;
}

function planProofs(service: VirtualService, unseen: Vantages["unseen"]): PlannedProof[] {
  const ranges = service.protocol === "udp"
    ? service.ports.map((ports) => ({ ports, reason: "UDP answers nothing by itself" }))
    : service.ports.flatMap((ports) => portsOfRange(service, ports));
  return service.servers.flatMap(({ address }) =>
    ranges.map(({ ports, reason }) => ({
      service,
      server: address,
      ports,
      reason: unseen.get(address)?.message ?? reason,
    }))
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

/** Audits, and looks for a free address meanwhile. */
async function surveyLink(
  { link, servers, senderAddress }: Vantage,
  vips: readonly string[],
  candidates: readonly string[],
): Promise<{ readonly audit: Audit; readonly claim: AddressClaim }> {
  using wire = Wire.open(link, filterFor([]), candidates);
  const audit = new Audit(wire, { servers, vips, senderAddress, asksEverybody: true });
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

function holdersFinding({ vip, macs }: VipHolders): Finding | null {
  if (macs.length < 2) return null;
  return {
    host: `the host with MAC ${macs[1]}`,
    problem: `${macs.join(" and ")}, none of them a real server, answer ${
      questionWord(vip)
    } for ${vip}: only one can be the director`,
    command: "ip -br address; ip -br link",
  };
}

function findingOf(
  { outcome }: PortProof,
  { service, server, ports }: PlannedProof,
  looks: readonly Look[],
  file: ConfigFile,
): Finding | null {
  // The audit has told already that it is unreachable.
  if (outcome.verdict === "unreachable" || outcome.verdict === "not_provable") return null;
  const probeAddress = looks.find(({ servers }) => servers.includes(server))?.view.probeAddress ?? null;
  if (probeAddress === null) return null;
  return proofFinding(outcome, { server, port: ports.first, probeAddress }, service, file);
}

/** The same thing is often seen on several ports. */
function distinct(findings: readonly (Finding | null)[]): Finding[] {
  const byText = new Map<string, Finding>();
  for (const finding of findings) if (finding !== null) byText.set(finding.problem, finding);
  return [...byText.values()];
}
