/**
 * From configuration and health to the table the datapath forwards by.
 *
 * @module
 */

import type { DestinationData, ForwardingTableData, ServiceData } from "../datapath/mod.ts";
import type { Config, RealServer, VirtualService } from "../model/config.ts";

/** IP protocol numbers (IANA "Assigned Internet Protocol Numbers"). */
const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const;

/** Steps in which a server that comes back gets its weight. */
export const SLOW_START_STEPS = 10;

/** What is known of a real server's health. */
export type Standing =
  /** Its first check is under way. */
  | { readonly state: "unknown" }
  /** It was never checked, and cannot be: no new connections, old ones kept. */
  | { readonly state: "unchecked" }
  | { readonly state: "down" }
  /** Healthy, but it takes VIPs for itself: no new connections, old ones kept. */
  | { readonly state: "quarantined" }
  /** `returnedAtMs` is when it came back after a failure; `null` if it never failed. */
  | { readonly state: "up"; readonly returnedAtMs: number | null };

/** Names a real server of a service for as long as the service keeps its name. */
export function serverKey(service: { readonly name: string }, server: { readonly address: string }): string {
  return `${service.name}/${server.address}`;
}

/** Weight a scheduler is to use for a server that is up: full, or a part of it during slow start. */
export function effectiveWeight(
  weight: number,
  slowStartMs: number,
  returnedAtMs: number | null,
  nowMs: number,
): number {
  if (returnedAtMs === null || slowStartMs === 0 || weight === 0) return weight;
  const step = Math.floor((nowMs - returnedAtMs) * SLOW_START_STEPS / slowStartMs) + 1;
  return step >= SLOW_START_STEPS ? weight : Math.max(1, Math.floor(weight * step / SLOW_START_STEPS));
}

/**
 * The table for a configuration under the given health.
 *
 * @param egressOf Interface a real server is reached by: 0, the default, for that of the VIPs, from 1 on the uplinks.
 */
export function forwardingTable(
  config: Config,
  generation: number,
  standingOf: (service: VirtualService, server: RealServer) => Standing,
  nowMs: number,
  egressOf: (server: RealServer) => number = () => 0,
): ForwardingTableData {
  return {
    generation,
    services: config.services.map((service) => serviceData(service, standingOf, nowMs, egressOf)),
  };
}

function serviceData(
  service: VirtualService,
  standingOf: (service: VirtualService, server: RealServer) => Standing,
  nowMs: number,
  egressOf: (server: RealServer) => number,
): ServiceData {
  const standings = service.servers.map((server) => standingOf(service, server));
  return {
    name: service.name,
    vip: service.vip,
    vlan: service.vlan,
    protocol: PROTOCOL_NUMBERS[service.protocol],
    ports: service.ports,
    scheduler: service.scheduler,
    schedulerOptions: service.schedulerOptions,
    persistenceMs: service.persistence?.timeoutMs ?? 0,
    persistencePrefix: service.persistence?.prefixLength ?? 32,
    persistToQuiesced: service.persistToQuiesced,
    onePacket: service.onePacket,
    establishedMs: service.timeouts.establishedMs,
    finMs: service.timeouts.finMs,
    udpMs: service.timeouts.udpMs,
    onServerLoss: service.onServerLoss,
    unknown: service.unknown,
    allow: service.allow,
    deny: service.deny,
    newConnectionsPerSource: service.newConnectionsPerSource,
    isSettling: standings.some(({ state }) => state === "unknown"),
    destinations: service.servers.map((server, index) =>
      destinationData(server, service.slowStartMs, standings[index]!, nowMs, egressOf(server))
    ),
  };
}

function destinationData(
  server: RealServer,
  slowStartMs: number,
  standing: Standing,
  nowMs: number,
  egress: number,
): DestinationData {
  return {
    address: server.address,
    vlan: server.vlan,
    egress,
    weight: standing.state === "up"
      ? effectiveWeight(server.weight, slowStartMs, standing.returnedAtMs, nowMs)
      : 0,
    isDown: standing.state === "down",
    maxConnections: server.maxConnections,
    minConnections: server.minConnections,
  };
}
