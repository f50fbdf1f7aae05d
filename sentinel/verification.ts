/**
 * What `lvsdr verify` does: an audit of every real server and a proof of every port, and what follows from them.
 *
 * @module
 */

import type { PortRange, VirtualService } from "../model/config.ts";
import type { ServerAudit } from "../model/status_snapshot.ts";
import type { VipHolders } from "./audit.ts";
import type { ConfigFile, VerdictFinding } from "./finding.ts";
import { NONE_HELD } from "./probe_choice.ts";
import type { Vantages } from "./vantage.ts";
import { findingsOf, isOurs, type OwnDirector } from "./verify_findings.ts";
import { look, type PortOutcome, type View } from "./verify_look.ts";
import { planProofs } from "./verify_plan.ts";

/** What is proven about one port, or about a range that cannot be probed, of a service on one real server. */
export interface PortProof {
  readonly service: string;
  readonly vip: string;
  readonly protocol: VirtualService["protocol"];
  readonly ports: PortRange;
  readonly server: string;
  readonly outcome: PortOutcome;
}

/** Who has a VIP besides real servers. */
export interface SeenHolders extends VipHolders {
  /** Whether a director on this host has the VIP: then nobody else should. */
  readonly isOurs: boolean;
}

export interface Verification {
  /** Whether nothing is wrong, as far as it can be proven. */
  readonly ok: boolean;
  /** One for each subnet that real servers are in. */
  readonly views: readonly View[];
  readonly audits: readonly ServerAudit[];
  readonly holders: readonly SeenHolders[];
  readonly proofs: readonly PortProof[];
  /** One for each thing to repair, in the order of what revealed it. */
  readonly findings: readonly VerdictFinding[];
}

/**
 * Verifies services.
 *
 * @param ownDirector The director on this host, or `null`.
 * @throws {OperatorError} If a real server cannot be looked at that is in no VLAN, an interface cannot be used, or no free
 * address to probe from is found and no single host is to blame.
 */
export async function verify(
  file: ConfigFile,
  services: readonly VirtualService[],
  { vantages, unseen }: Vantages,
  ownDirector: OwnDirector | null,
): Promise<Verification> {
  for (const { address, vlan } of services.flatMap(({ servers }) => servers)) {
    const obstacle = unseen.get(address);
    if (vlan === null && obstacle !== undefined) throw obstacle;
  }
  const planned = services.flatMap((service) => planProofs(service, unseen));
  const held = ownDirector?.probeAddresses ?? NONE_HELD;
  const looks = await Promise.all(
    vantages.map((vantage) => look(file.config, services, planned, vantage, held)),
  );
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
  const findings = findingsOf(looks, file, ownDirector);
  return {
    ok: findings.length === 0,
    views: looks.map(({ view }) => view),
    audits: looks.flatMap(({ audit }) => audit.verdicts),
    holders: looks.flatMap((seen) =>
      seen.audit.holders.map((holders) => ({ ...holders, isOurs: isOurs(seen, holders.vip, ownDirector) }))
    ),
    proofs,
    findings,
  };
}
