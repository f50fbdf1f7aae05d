/**
 * What must hold between virtual services. Values that are broken already are taken to be right.
 *
 * @module
 */

import type { PortRange } from "../model/config.ts";
import { readAddress, readVip } from "./address.ts";
import { DEFAULT_PROTOCOL } from "./defaults.ts";
import { checkDirector } from "./director_checks.ts";
import { BROKEN, type Broken, type Draft, entries } from "./draft.ts";
import { checkFamilies } from "./family_checks.ts";
import { formatRange, overlap } from "./port_list.ts";
import { checkRealServerRole } from "./realserver_checks.ts";
import type { ConfigInput } from "./schema.ts";
import {
  checkService,
  draftPorts,
  type LineOf,
  readDraft,
  type Refuse,
  type ServerInput,
  type ServiceDraft,
  type ServiceInput,
} from "./service_checks.ts";
import type { Path } from "./yaml_source.ts";

/**
 * Services, VIPs and real servers a cluster can have: half of what a director can tell apart, so that the connections
 * of one configuration can go on while the next, however different, is in use.
 */
export const MOST_NAMED = 8_000;

/** Checks everything that a single key cannot tell. */
export function checkCluster(draft: Draft<ConfigInput>, lineOf: LineOf, refuse: Refuse): void {
  if (draft === BROKEN) return;
  // A service that was refused as a whole keeps its place, so that the others keep their number.
  const services = entries<ServiceInput>(draft.services).map((service) =>
    service === BROKEN ? null : service
  );
  for (const [i, service] of services.entries()) {
    if (service === null) continue;
    const refuseHere: Refuse = (path, message) => refuse(["services", i, ...path], message);
    checkService(service, refuseHere);
    checkFamilies(service, refuseHere);
  }
  checkSize(services, refuse);
  checkNames(services, lineOf, refuse);
  checkListeners(services, lineOf, refuse);
  checkServersAreNoVips(services, lineOf, refuse);
  checkVlans(services, lineOf, refuse);
  checkDirector(draft, services, lineOf, refuse);
  checkRealServerRole(draft, services, lineOf, refuse);
}

/** A server counts once for each service that has it. */
function checkSize(services: readonly (ServiceDraft | null)[], refuse: Refuse): void {
  const vips = new Set(
    services.map((service) => readDraft(readVip, service?.vip)).filter((vip) => vip !== null),
  );
  const servers = services.reduce((sum, service) => sum + entries<ServerInput>(service?.servers).length, 0);
  const named = services.length + vips.size + servers;
  if (named <= MOST_NAMED) return;
  refuse(
    ["services"],
    `Cannot have ${named} services, VIPs and real servers of services together: a director can tell ${MOST_NAMED} ` +
      "apart, use fewer or share them out among several directors",
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

/** A host, like a VIP, is in one place: a health check, which the kernel routes, could not reach it in two VLANs. */
function checkVlans(services: readonly (ServiceDraft | null)[], lineOf: LineOf, refuse: Refuse): void {
  const firstAt = new Map<string, { readonly vlan: number | null; readonly service: number }>();
  const check = (address: string | null, vlan: DraftVlan, i: number, path: Path) => {
    if (address === null || vlan === BROKEN) return;
    const first = firstAt.get(address);
    if (first === undefined) firstAt.set(address, { vlan, service: i });
    else if (first.vlan !== vlan) {
      const line = lineOf(["services", first.service]);
      refuse(
        ["services", i, ...path],
        `Cannot have ${address} ${vlanText(vlan)}: the service in line ${line} has it ${
          vlanText(first.vlan)
        }, ` +
          "write the same VLAN in both",
      );
    }
  };
  for (const [i, service] of services.entries()) {
    if (service === null) continue;
    const { vlan: own = null } = service;
    check(readDraft(readVip, service.vip), own, i, [service.vlan === undefined ? "vip" : "vlan"]);
    for (const [j, server] of entries<ServerInput>(service.servers).entries()) {
      if (server === BROKEN) continue;
      const { vlan = own } = server;
      const key = server.vlan === undefined ? "address" : "vlan";
      check(readDraft(readAddress, server.address), vlan === "none" ? null : vlan, i, ["servers", j, key]);
    }
  }
}

type DraftVlan = number | Broken | null;

function vlanText(vlan: number | null): string {
  return vlan === null ? "untagged" : `in VLAN ${vlan}`;
}
