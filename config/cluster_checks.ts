/**
 * What must hold between virtual services, and between the page and its token. Values that are broken already are
 * taken to be right.
 *
 * @module
 */

import type { PortRange } from "../model/config.ts";
import { isLoopback, readAddress, readListen, readVip } from "./address.ts";
import { DEFAULT_PROTOCOL } from "./defaults.ts";
import { BROKEN, type Draft, entries } from "./draft.ts";
import { formatRange, overlap } from "./port_list.ts";
import type { ConfigInput } from "./schema.ts";
import {
  checkService,
  draftPorts,
  readDraft,
  type Refuse,
  type ServerInput,
  type ServiceDraft,
  type ServiceInput,
} from "./service_checks.ts";
import type { Path } from "./yaml_source.ts";

/** Line of the file, counted from 1, of the value at a path. */
export type LineOf = (path: Path) => number;

/** Checks everything that a single key cannot tell. */
export function checkCluster(draft: Draft<ConfigInput>, lineOf: LineOf, refuse: Refuse): void {
  if (draft === BROKEN) return;
  checkToken(draft, refuse);
  // A service that was refused as a whole keeps its place, so that the others keep their number.
  const services = entries<ServiceInput>(draft.services).map((service) =>
    service === BROKEN ? null : service
  );
  for (const [i, service] of services.entries()) {
    if (service !== null) checkService(service, (path, message) => refuse(["services", i, ...path], message));
  }
  checkNames(services, lineOf, refuse);
  checkListeners(services, lineOf, refuse);
  checkServersAreNoVips(services, lineOf, refuse);
  checkServerPorts(draft, services, refuse);
  checkProbeAddress(draft, services, lineOf, refuse);
}

function checkToken(draft: Exclude<Draft<ConfigInput>, typeof BROKEN>, refuse: Refuse): void {
  const { status } = draft;
  if (typeof status !== "object") return;
  const listen = readDraft(readListen, status.listen);
  if (listen === null || isLoopback(listen.host) || status.token !== undefined) return;
  refuse(
    ["status", "listen"],
    `Cannot serve ${listen.host}:${listen.port} without a token: add token, for example from: openssl rand -hex 16`,
  );
}

function checkNames(services: readonly (ServiceDraft | null)[], lineOf: LineOf, refuse: Refuse): void {
  const firstAt = new Map<string, number>();
  for (const [i, service] of services.entries()) {
    const name = service?.name;
    if (typeof name !== "string") continue;
    const first = firstAt.get(name);
    if (first === undefined) firstAt.set(name, i);
    else {
      const line = lineOf(["services", first, "name"]);
      refuse(
        ["services", i, "name"],
        `Cannot use name "${name}" twice: the service in line ${line} has it, rename one`,
      );
    }
  }
}

interface Listener {
  readonly service: number;
  readonly path: Path;
  readonly range: PortRange;
}

/** Two services must not have a port of one VIP and protocol in common. */
function checkListeners(services: readonly (ServiceDraft | null)[], lineOf: LineOf, refuse: Refuse): void {
  const listeners = new Map<string, Listener[]>();
  for (const [i, service] of services.entries()) {
    if (service === null) continue;
    const vip = readDraft(readVip, service.vip);
    const { protocol = DEFAULT_PROTOCOL } = service;
    if (vip === null || protocol === BROKEN) continue;
    const key = `${vip}/${protocol}`;
    const group = listeners.get(key) ?? [];
    listeners.set(key, group);
    for (const { path, range } of draftPorts(service)) {
      group.push({ service: i, path: ["services", i, ...path], range });
    }
  }
  for (const [key, group] of listeners) {
    group.sort((one, other) => one.range.first - other.range.first || one.service - other.service);
    const reported = new Set<number>();
    let widest: Listener | undefined;
    for (const listener of group) {
      if (
        widest !== undefined && widest.service !== listener.service && overlap(widest.range, listener.range)
      ) {
        const [earlier, later] = widest.service < listener.service ? [widest, listener] : [listener, widest];
        if (!reported.has(later.service)) {
          reported.add(later.service);
          refuse(
            later.path,
            `Cannot serve port ${formatRange(later.range)} of ${key}: the service in line ` +
              `${lineOf(["services", earlier.service])} has ${
                formatRange(earlier.range)
              }, remove one of them`,
          );
        }
      }
      if (widest === undefined || listener.range.last > widest.range.last) widest = listener;
    }
  }
}

function checkServersAreNoVips(
  services: readonly (ServiceDraft | null)[],
  lineOf: LineOf,
  refuse: Refuse,
): void {
  const vipAt = new Map<string, number>();
  for (const [i, service] of services.entries()) {
    const address = readDraft(readVip, service?.vip);
    if (address !== null && !vipAt.has(address)) vipAt.set(address, i);
  }
  for (const [i, service] of services.entries()) {
    for (const [j, server] of entries<ServerInput>(service?.servers).entries()) {
      const address = server === BROKEN ? null : readDraft(readAddress, server.address);
      const owner = address === null ? undefined : vipAt.get(address);
      if (owner === undefined) continue;
      refuse(
        ["services", i, "servers", j, "address"],
        `Cannot use ${address} as a real server: it is the VIP of the service in line ${
          lineOf(["services", owner])
        }, ` +
          "use the host's own address",
      );
    }
  }
}

/** Another port than the service's takes connection tracking on the real server, and one port to translate. */
function checkServerPorts(
  draft: Exclude<Draft<ConfigInput>, typeof BROKEN>,
  services: readonly (ServiceDraft | null)[],
  refuse: Refuse,
): void {
  const { realserver } = draft;
  const method = typeof realserver === "object" ? realserver.method ?? "auto" : realserver ?? "auto";
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

/** Nobody may have the address that proofs are made from. */
function checkProbeAddress(
  draft: Exclude<Draft<ConfigInput>, typeof BROKEN>,
  services: readonly (ServiceDraft | null)[],
  lineOf: LineOf,
  refuse: Refuse,
): void {
  const { director } = draft;
  const probe = typeof director === "object" ? readDraft(readAddress, director.probe_address) : null;
  if (probe === null) return;
  const owner = services.findIndex((service) =>
    readDraft(readVip, service?.vip) === probe ||
    entries<ServerInput>(service?.servers).some((server) =>
      server !== BROKEN && readDraft(readAddress, server.address) === probe
    )
  );
  if (owner === -1) return;
  refuse(
    ["director", "probe_address"],
    `Cannot probe from ${probe}: the service in line ${lineOf(["services", owner])} uses it, ` +
      "use an address that nobody has",
  );
}
