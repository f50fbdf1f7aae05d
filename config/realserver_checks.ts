/**
 * What must hold between the keys of the real server role and the services. Values that are broken already are taken
 * to be right.
 *
 * @module
 */

import type { Method } from "../model/config.ts";
import { familyOf } from "../model/ip_address.ts";
import { readVip } from "./address.ts";
import { DEFAULT_PROTOCOL } from "./defaults.ts";
import { BROKEN, type Broken, entries } from "./draft.ts";
import { ANY_PORT } from "./port_list.ts";
import {
  type ConfigDraft,
  draftPorts,
  type LineOf,
  readDraft,
  type Refuse,
  type ServerInput,
  type ServiceDraft,
} from "./service_checks.ts";

type DraftMethod = Method | "auto" | Broken;

/** Checks the key `realserver`, and what its method allows the services. */
export function checkRealServerRole(
  { realserver = {} }: ConfigDraft,
  services: readonly (ServiceDraft | null)[],
  lineOf: LineOf,
  refuse: Refuse,
): void {
  const method: DraftMethod = realserver === BROKEN ? BROKEN : realserver.method ?? "auto";
  checkServerPorts(method, services, refuse);
  if (method === "arptables") checkArpOnly(services, lineOf, refuse);
  const status = realserver === BROKEN ? BROKEN : realserver.status;
  if (typeof status !== "object" || typeof status.port !== "number") return;
  checkStatusPort(status.port, method, services, lineOf, refuse);
}

/** Another port than the service's takes connection tracking on the real server, and one port to translate. */
function checkServerPorts(
  method: DraftMethod,
  services: readonly (ServiceDraft | null)[],
  refuse: Refuse,
): void {
  for (const [i, service] of services.entries()) {
    if (service === null) continue;
    const ports = draftPorts(service);
    const only = ports.length === 1 && ports[0]!.range.first === ports[0]!.range.last
      ? ports[0]!.range.first
      : null;
    for (const [j, server] of entries<ServerInput>(service.servers).entries()) {
      const port = server === BROKEN ? undefined : server.port;
      if (typeof port !== "number" || port === only) continue;
      const path = ["services", i, "servers", j, "port"];
      if (only === null && ports.length > 0) {
        refuse(path, `Cannot hand several ports to port ${port}: remove it or give the service one port`);
      } else if (method !== BROKEN && method !== "redirect") {
        refuse(
          path,
          `Cannot use port ${port} for a service of port ${only} with realserver.method ${method}: direct routing keeps ` +
            "ports, remove it or use realserver: { method: redirect }",
        );
      }
    }
  }
}

/** arptables(8) filters ARP, which IPv6 has not. */
function checkArpOnly(services: readonly (ServiceDraft | null)[], lineOf: LineOf, refuse: Refuse): void {
  for (const [i, service] of services.entries()) {
    const vip = readDraft(readVip, service?.vip);
    if (vip === null || familyOf(vip) === 4) continue;
    refuse(
      ["realserver", "method"],
      `Cannot use method arptables for the VIP ${vip} in line ${
        lineOf(["services", i])
      }: it filters ARP, which IPv6 ` +
        "has not, use auto, loopback, nft, redirect or route",
    );
    return;
  }
}

/**
 * An application that listens on every address of the host has the port already, and method redirect would hand the
 * VIP's clients to it. Which of all ports an application has is unknown.
 */
function checkStatusPort(
  port: number,
  method: DraftMethod,
  services: readonly (ServiceDraft | null)[],
  lineOf: LineOf,
  refuse: Refuse,
): void {
  const owner = services.findIndex((service) => {
    if (service === null || (service.protocol ?? DEFAULT_PROTOCOL) !== "tcp") return false;
    const isServed = draftPorts(service).some(({ range }) =>
      (range !== ANY_PORT || method === "redirect") && range.first <= port && port <= range.last
    );
    return isServed ||
      entries<ServerInput>(service.servers).some((server) => server !== BROKEN && server.port === port);
  });
  if (owner === -1) return;
  const remedy = services[owner]?.ports === "any" ? "name the ports it needs" : "choose another one";
  refuse(
    ["realserver", "status", "port"],
    `Cannot serve the real servers' status on port ${port}: the service in line ${
      lineOf(["services", owner])
    } uses it, ${remedy}`,
  );
}
