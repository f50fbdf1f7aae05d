/**
 * Is it well? The one answer that the page, `lvsdr status` and the metrics share.
 *
 * @module
 */

import { counted } from "../model/counted.ts";
import { familyOf } from "../model/ip_address.ts";
import type { RealServerStatus, StatusSnapshot, VirtualServiceStatus } from "../model/status_snapshot.ts";
import { hostAuditText, isUnsound } from "./host_text.ts";

/** `warning`: clients are served, but something needs a look. `error`: some clients are not served, or may not be. */
export const LEVELS = ["ok", "warning", "error"] as const;
export type Level = typeof LEVELS[number];

export interface Assessment {
  readonly level: Level;
  /** One sentence without a full stop, for people. */
  readonly headline: string;
  /** What is wrong, the worst first; empty when all is well. */
  readonly reasons: readonly string[];
}

/** Share of the connection table from which on it counts as nearly full. */
const NEARLY_FULL = 0.9;

/** Whether a real server can be given a new connection now. */
export function isUsable(server: RealServerStatus): boolean {
  return server.state === "up" && server.effectiveWeight > 0 && !server.isOverloaded;
}

/** Real servers of `service` that can be given a new connection now. */
export function countUsable(service: VirtualServiceStatus): number {
  return service.servers.filter(isUsable).length;
}

/** Real servers by their addresses, each counted once however many services it is in. */
export interface ServerTally {
  readonly all: number;
  /** Those of which nothing is wrong in any service, and that can be given a new connection of one. */
  readonly usable: number;
  /** Those that are out of a service they should serve. */
  readonly out: number;
}

/** Counts the real servers of services. */
export function tallyServers(services: readonly VirtualServiceStatus[]): ServerTally {
  const servers = services.flatMap((service) => service.servers);
  const addressesOf = (some: readonly RealServerStatus[]) => new Set(some.map(({ address }) => address));
  const out = addressesOf(servers.filter(isTroubled));
  const usable = addressesOf(servers.filter(isUsable)).difference(out);
  return { all: addressesOf(servers).size, usable: usable.size, out: out.size };
}

/** A quiesced server was taken out on purpose: it is neither usable nor a reason to worry. */
function isTroubled(server: RealServerStatus): boolean {
  return !isUsable(server) && server.state !== "quiesced";
}

/** How a state looks; `paused` is deliberate and therefore neither good nor bad. */
export type Tone = Level | "paused";

/** Tone and word for the state of a real server. */
export function describeState(server: RealServerStatus): { readonly tone: Tone; readonly word: string } {
  if (server.state === "quiesced") return { tone: "paused", word: "quiesced" };
  if (server.state === "down") return { tone: "error", word: "down" };
  if (server.state === "unresolved") return { tone: "warning", word: "unresolved" };
  if (server.state === "quarantined") return { tone: "warning", word: "quarantined" };
  if (server.isOverloaded) return { tone: "warning", word: "overloaded" };
  return isUsable(server) ? { tone: "ok", word: "up" } : { tone: "warning", word: "weight 0" };
}

/** Judges one service. */
export function assessService(service: VirtualServiceStatus): Level {
  if (countUsable(service) === 0) return "error";
  return service.servers.some(isTroubled) ? "warning" : "ok";
}

function describeTrouble(server: RealServerStatus): string {
  if (server.state === "up" && server.isOverloaded) return "overloaded: it has reached max_connections";
  if (server.state === "up") return "up, but with weight 0";
  if (server.state === "unresolved") {
    const question = familyOf(server.address) === 4 ? "ARP" : "Neighbor Discovery";
    return `unresolved: nobody answers ${question} for its address`;
  }
  if (server.state === "quarantined") return "quarantined: it takes a VIP for itself";
  return server.lastCheck === null ? "down" : `down: ${server.lastCheck.message}`;
}

/** Judges a whole director. */
export function assess(snapshot: StatusSnapshot): Assessment {
  const { services, connectionTable, datapath, alarms, events } = snapshot;
  const unserved = services.filter((service) => countUsable(service) === 0);
  const served = services.filter((service) => countUsable(service) > 0);
  const troubles = [...unserved, ...served].flatMap((service) =>
    service.servers.filter(isTroubled).map((server) =>
      `${server.address} of ${service.name} is ${describeTrouble(server)}`
    )
  );
  const exposed = services.flatMap(({ name, vip, servers }) =>
    servers.filter(({ audit }) => audit?.verdict === "answers").map(({ address }) =>
      `${address} of ${name} answers for ${vip} when it is asked: harden it with lvsdr realserver`
    )
  );
  const unsound = new Set(
    services.flatMap(({ servers }) =>
      servers.filter(({ host }) => isUnsound(host)).map(({ address, host }) =>
        `${address} says of its own host: ${hostAuditText(host!)}`
      )
    ),
  );
  const isNearlyFull = connectionTable.used >= connectionTable.capacity * NEARLY_FULL;
  const shortage = isNearlyFull
    ? ["The connection table is nearly full: raise director.max_connections"]
    : [];
  const reasons = [...exposed, ...unsound, ...shortage, ...troubles];

  if (!datapath.isForwarding) {
    // The newest first: what has ended is no reason any more.
    const newest = events.find(({ name }) =>
      ["interface.unusable", "interface.usable", "interface.changed"].includes(name)
    );
    const known = newest?.name === "interface.unusable" ? [newest.message] : [];
    return { level: "error", headline: "Nothing is forwarded", reasons: [...known, ...reasons] };
  }
  if (unserved.length === 1) {
    return { level: "error", headline: `Service ${unserved[0]!.name} has no usable server`, reasons };
  }
  if (unserved.length > 1) {
    const names = unserved.map((service) => `Service ${service.name} has no usable server`);
    return {
      level: "error",
      headline: `${unserved.length} services have no usable server`,
      reasons: [...names, ...reasons],
    };
  }
  if (alarms.length > 0) {
    const vips = [...new Set(alarms.map(({ vip }) => vip))];
    return {
      level: "error",
      headline: vips.length === 1
        ? `VIP ${vips[0]} is claimed by somebody else`
        : `${vips.length} VIPs are claimed by somebody else`,
      reasons,
    };
  }
  if (troubles.length > 0) {
    const { out, all } = tallyServers(services);
    return {
      level: "warning",
      headline: `Serving, with ${out} of ${counted(all, "real server")} out`,
      reasons,
    };
  }
  if (exposed.length > 0) {
    return { level: "warning", headline: "Serving, but a VIP is not safe with every real server", reasons };
  }
  if (unsound.size > 0) {
    return { level: "warning", headline: "Serving, but a real server is not as it must be", reasons };
  }
  if (isNearlyFull) {
    return { level: "warning", headline: "Serving, but the connection table is nearly full", reasons };
  }
  if (services.length === 0) return { level: "warning", headline: "No services are configured", reasons };
  return { level: "ok", headline: "All services are well", reasons };
}
