/**
 * From a configuration without problems to the model, with the defaults that depend on other keys.
 *
 * @module
 */

import type {
  Config,
  HealthCheck,
  PortRange,
  RealServer,
  SchedulerName,
  Timeouts,
  VirtualService,
} from "../model/config.ts";
import { addressBits, endpointText, familyOf } from "../model/ip_address.ts";
import { ANY_PORT } from "./port_list.ts";
import type { ConfigOutput } from "./schema.ts";
import { checkSchema } from "./service_schema.ts";

type ServiceOutput = ConfigOutput["services"][number];

/** Milliseconds; the defaults of IPVS, ipvsadm(8) --set. */
const DEFAULT_TIMEOUTS: Timeouts = { establishedMs: 900_000, finMs: 120_000, udpMs: 300_000 };

/** They choose alike without a connection table, so that a packet of a forgotten connection finds its server. */
const HASH_SCHEDULERS: readonly SchedulerName[] = ["sh", "mh", "dh"];

/** Builds the model. */
export function buildConfig(output: ConfigOutput): Config {
  const timeouts = buildTimeouts(output.timeouts, DEFAULT_TIMEOUTS);
  return {
    director: {
      interface: output.director.interface ?? null,
      maxConnections: output.director.max_connections,
      hashKey: output.director.hash_key?.toLowerCase() ?? null,
      probeAddress: output.director.probe_address ?? null,
      workers: output.director.workers,
      cpus: output.director.cpus ?? null,
      offloads: output.director.offloads,
      quarantine: output.director.quarantine,
    },
    status: { listen: output.status.listen, token: output.status.token ?? null },
    services: output.services.map((service) => buildService(service, timeouts)),
    realserver: { method: output.realserver.method, status: output.realserver.status ?? null },
  };
}

function buildTimeouts(own: ConfigOutput["timeouts"], inherited: Timeouts): Timeouts {
  return {
    establishedMs: own.established ?? inherited.establishedMs,
    finMs: own.fin ?? inherited.finMs,
    udpMs: own.udp ?? inherited.udpMs,
  };
}

function buildService(service: ServiceOutput, timeouts: Timeouts): VirtualService {
  const { vip, vlan = null, protocol, scheduler, persistence } = service;
  const family = familyOf(vip);
  const listed = buildPorts(service);
  const suffix = protocol === "udp" ? "/udp" : "";
  const portName = service.ports === "any" ? "any" : String(listed[0]!.first);
  return {
    name: service.name ?? `${endpointText(vip, portName)}${suffix}`,
    vip,
    vlan,
    protocol,
    ports: listed.toSorted((one, other) => one.first - other.first),
    scheduler,
    schedulerOptions: service.scheduler_options,
    persistence: persistence === undefined
      ? null
      : { timeoutMs: persistence.timeout, prefixLength: persistence.netmask ?? addressBits(family) },
    persistToQuiesced: persistence?.quiesced === "keep",
    onePacket: service.one_packet,
    timeouts: buildTimeouts(service.timeouts, timeouts),
    onServerLoss: service.on_server_loss,
    unknown: service.unknown ?? (HASH_SCHEDULERS.includes(scheduler) ? "schedule" : "reset"),
    slowStartMs: service.slow_start,
    allow: service.allow ?? [],
    deny: service.deny,
    newConnectionsPerSource: service.new_connections_per_source,
    health: buildHealth(service, listed[0]!.first),
    servers: service.servers.map((server) => buildServer(server, listed[0]!.first, vlan)),
  };
}

/** In file order: the first is the one that is checked and gives the service its name. */
function buildPorts({ port, ports }: ServiceOutput): PortRange[] {
  if (port !== undefined) return [{ first: port, last: port }];
  if (ports === "any" || ports === undefined) return [ANY_PORT];
  return ports.map((entry) => typeof entry === "number" ? { first: entry, last: entry } : entry);
}

function buildHealth({ health, protocol }: ServiceOutput, firstPort: number): HealthCheck | null {
  if (health === "none" || (health === undefined && protocol === "udp")) return null;
  const check = health ?? checkSchema.parse({ type: "tcp" });
  const { port = firstPort, interval, timeout, rise, fall } = check;
  const timing = { intervalMs: interval, timeoutMs: timeout, rise, fall };
  return check.type === "http"
    ? { type: "http", port, path: check.path, status: check.status, ...timing }
    : { type: check.type, port, ...timing };
}

function buildServer(
  server: ServiceOutput["servers"][number],
  servicePort: number,
  serviceVlan: number | null,
): RealServer {
  const { address, port = servicePort, weight, max_connections: most, min_connections: least } = server;
  return {
    address,
    vlan: server.vlan === "none" ? null : server.vlan ?? serviceVlan,
    port: port === servicePort ? null : port,
    weight,
    maxConnections: most,
    // Hysteresis of IPVS: a full server is used again below three quarters, ipvsadm(8) --l-threshold.
    minConnections: least === 0 ? most - Math.floor(most / 4) : least,
  };
}
