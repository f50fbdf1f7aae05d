/**
 * From what a director knows to the one object that page, API and metrics show.
 *
 * @module
 */

import { formatPorts } from "../config/port_list.ts";
import {
  type DatapathCounters,
  type DestinationCounters,
  type ForwardingTableData,
  VERDICTS,
} from "../datapath/mod.ts";
import type { Config, RealServer, VirtualService } from "../model/config.ts";
import type {
  AuditStatus,
  DirectorEvent,
  HostReport,
  InterfaceStatus,
  LastCheck,
  RealServerState,
  RealServerStatus,
  StatusSnapshot,
  VirtualServiceStatus,
  WireAlarm,
  WireTotals,
} from "../model/status_snapshot.ts";
import type { HeldAddress } from "./guard_chains.ts";
import { serverKey, type Standing } from "./forwarding.ts";

/** Everything a snapshot is made of. */
export interface SnapshotSources {
  readonly version: string;
  /** `performance.now()` milliseconds: the clock may be set. */
  readonly startedAtMs: number;
  readonly config: Config;
  /** The table {@linkcode counters} belong to. */
  readonly table: ForwardingTableData;
  readonly counters: DatapathCounters;
  readonly isForwarding: boolean;
  /** That of the VIPs first. */
  readonly interfaces: readonly InterfaceStatus[];
  readonly tableCapacity: number;
  readonly bytesPerConnection: number;
  readonly events: readonly DirectorEvent[];
  readonly probeAddresses: readonly HeldAddress[];
  readonly alarms: readonly WireAlarm[];
  readonly wire: WireTotals;
  /** Weight in the newest table; the counters may still be of the one before. */
  readonly weightOf: (service: VirtualService, server: RealServer) => number;
  readonly standingOf: (service: VirtualService, server: RealServer) => Standing;
  readonly lastCheckOf: (service: VirtualService, server: RealServer) => LastCheck | null;
  readonly auditOf: (service: VirtualService, server: RealServer) => AuditStatus | null;
  readonly hostOf: (server: RealServer) => HostReport | null;
  readonly connectionsPerSecondOf: (service: VirtualService, server: RealServer) => number;
}

function interfaceStatus({ name, mac, mtu }: InterfaceStatus): InterfaceStatus {
  return { name, mac, mtu };
}

const NOTHING_COUNTED: DestinationCounters = {
  connections: 0,
  packets: 0,
  bytes: 0,
  active: 0,
  inactive: 0,
  isOverloaded: false,
  mac: null,
};

/** The state of a director at this moment. */
export function statusSnapshot(sources: SnapshotSources): StatusSnapshot {
  const { config, counters } = sources;
  const counted = countersByServer(sources.table, counters);
  return {
    version: sources.version,
    at: new Date().toISOString(),
    uptimeSeconds: Math.floor((performance.now() - sources.startedAtMs) / 1000),
    ha: { state: "standalone" },
    datapath: {
      mode: "pcap",
      isForwarding: sources.isForwarding,
      interface: interfaceStatus(sources.interfaces[0]!),
      uplinks: sources.interfaces.slice(1).map(interfaceStatus),
      generation: counters.generation,
      captureDrops: counters.captureDrops,
      transmitErrors: counters.transmitErrors,
      workers: counters.workers.map(({ frames, captureDrops, connectionsUsed }, number) => ({
        cpu: config.director.cpus?.[number] ?? null,
        frames,
        captureDrops,
        connections: connectionsUsed,
      })),
    },
    connectionTable: {
      used: counters.connectionsUsed,
      capacity: sources.tableCapacity,
      bytesPerConnection: sources.bytesPerConnection,
    },
    services: config.services.map((service) => serviceStatus(service, sources, counted)),
    probeAddresses: sources.probeAddresses.map(({ address, device }) => ({ address, interface: device })),
    alarms: sources.alarms,
    wire: sources.wire,
    verdicts: VERDICTS.map(({ name, meaning }, number) => ({
      name,
      meaning,
      frames: counters.verdicts[number] ?? 0,
    })),
    events: sources.events,
  };
}

/** Counters by {@linkcode serverKey}. */
function countersByServer(
  table: ForwardingTableData,
  counters: DatapathCounters,
): Map<string, DestinationCounters> {
  const byServer = new Map<string, DestinationCounters>();
  let index = 0;
  for (const service of table.services) {
    for (const destination of service.destinations) {
      byServer.set(serverKey(service, destination), counters.destinations[index++] ?? NOTHING_COUNTED);
    }
  }
  return byServer;
}

function serviceStatus(
  service: VirtualService,
  sources: SnapshotSources,
  counted: ReadonlyMap<string, DestinationCounters>,
): VirtualServiceStatus {
  const servers = service.servers.map((server) =>
    serverStatus(service, server, sources, counted.get(serverKey(service, server)))
  );
  const total = (key: "connections" | "packets" | "bytes") =>
    servers.reduce((sum, server) => sum + server[key], 0);
  return {
    name: service.name,
    vip: service.vip,
    protocol: service.protocol,
    ports: formatPorts(service.ports),
    scheduler: service.scheduler,
    connections: total("connections"),
    packets: total("packets"),
    bytes: total("bytes"),
    servers,
  };
}

function serverStatus(
  service: VirtualService,
  server: RealServer,
  sources: SnapshotSources,
  counters: DestinationCounters = NOTHING_COUNTED,
): RealServerStatus {
  return {
    address: server.address,
    mac: counters.mac,
    weight: server.weight,
    effectiveWeight: sources.weightOf(service, server),
    state: stateOf(server, sources.standingOf(service, server), counters.mac),
    isOverloaded: counters.isOverloaded,
    activeConnections: counters.active,
    inactiveConnections: counters.inactive,
    connectionsPerSecond: sources.connectionsPerSecondOf(service, server),
    lastCheck: sources.lastCheckOf(service, server),
    audit: sources.auditOf(service, server),
    host: sources.hostOf(server),
    connections: counters.connections,
    packets: counters.packets,
    bytes: counters.bytes,
  };
}

function stateOf(server: RealServer, standing: Standing, mac: string | null): RealServerState {
  if (standing.state !== "up" && standing.state !== "quarantined") return "down";
  if (mac === null) return "unresolved";
  if (standing.state === "quarantined") return "quarantined";
  return server.weight === 0 ? "quiesced" : "up";
}
