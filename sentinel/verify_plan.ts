/**
 * What `lvsdr verify` can prove of services, and what it cannot.
 *
 * @module
 */

import type { PortRange, VirtualService } from "../model/config.ts";
import type { Vantages } from "./vantage.ts";

/** Ports of a longer range are not all probed: no application listens on all of them. */
const MOST_PORTS_OF_RANGE = 16;

/** A proof to make. */
export interface PlannedProof {
  readonly service: VirtualService;
  readonly ports: PortRange;
  readonly server: string;
  /** Why it cannot be proven, or `null`: then `ports` is one port. */
  readonly reason: string | null;
}

/** One proof for each port, or range that cannot be probed, of a service on each of its real servers. */
export function planProofs(service: VirtualService, unseen: Vantages["unseen"]): PlannedProof[] {
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
