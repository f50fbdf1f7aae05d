/**
 * What must hold between the keys of one virtual service. Keys that are broken already are taken to be right.
 *
 * @module
 */

import type { PortRange } from "../model/config.ts";
import { readAddress } from "./address.ts";
import { DEFAULT_CHECK, DEFAULT_PROTOCOL, DEFAULT_SCHEDULER } from "./defaults.ts";
import { BROKEN, type Broken, type Draft, entries } from "./draft.ts";
import { readDuration } from "./duration.ts";
import { ANY_PORT, formatPorts, formatRange, overlap, readPortRange } from "./port_list.ts";
import type { Reading } from "./reading.ts";
import type { ConfigInput } from "./schema.ts";
import type { Path } from "./yaml_source.ts";

export type ServiceInput = ConfigInput["services"][number];
export type ServerInput = ServiceInput["servers"][number];
export type ServiceDraft = Exclude<Draft<ServiceInput>, typeof BROKEN>;

export type ConfigDraft = Exclude<Draft<ConfigInput>, typeof BROKEN>;

/** Line of the file, counted from 1, of the value at a path. */
export type LineOf = (path: Path) => number;

/** Takes a problem: where it is, relative to what is checked, and its message. */
export type Refuse = (path: Path, message: string) => void;

/** The value a draft's text means, or `null` if it is absent or broken. */
export function readDraft<T>(read: (text: string) => Reading<T>, value: unknown): T | null {
  if (typeof value !== "string") return null;
  const reading = read(value);
  return reading.ok ? reading.value : null;
}

/** The ports of a service that can be read, in file order. */
export function draftPorts(service: ServiceDraft): { readonly path: Path; readonly range: PortRange }[] {
  const { port, ports } = service;
  if (typeof port === "number") return [{ path: ["port"], range: { first: port, last: port } }];
  if (ports === "any") return [{ path: ["ports"], range: ANY_PORT }];
  return entries<number | string>(ports as Draft<readonly (number | string)[]> | undefined).flatMap(
    (entry, i) => {
      const range = typeof entry === "number"
        ? { first: entry, last: entry }
        : readDraft(readPortRange, entry);
      return range === null ? [] : [{ path: ["ports", i], range }];
    },
  );
}

/** Checks one service on its own. */
export function checkService(service: ServiceDraft, refuse: Refuse): void {
  checkPorts(service, refuse);
  checkScheduler(service, refuse);
  checkHealth(service, refuse);
  checkServers(service, refuse);
}

function checkPorts(service: ServiceDraft, refuse: Refuse): void {
  if (service.port === undefined && service.ports === undefined) {
    refuse([], "Cannot do without a port: add port: 80, ports: [80, 443] or ports: any");
  }
  const { port, ports } = service;
  // Both may stand for keys that nobody knows.
  if (port !== undefined && ports !== undefined && (port !== BROKEN || ports !== BROKEN)) {
    refuse(["port"], "Cannot use port and ports together: remove one of them");
    return;
  }
  const sorted = draftPorts(service).sort((one, other) => one.range.first - other.range.first);
  for (const [i, { path, range }] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before === undefined) continue;
    if (overlap(before.range, range)) {
      refuse(
        path,
        `Cannot list port ${formatRange(range)} twice: it overlaps with ${
          formatRange(before.range)
        }, remove one of them`,
      );
    }
    // The wider range stays the one to compare with.
    if (before.range.last > range.last) sorted[i] = before;
  }
}

function checkScheduler(service: ServiceDraft, refuse: Refuse): void {
  const scheduler = service.scheduler ?? DEFAULT_SCHEDULER;
  const options = entries<string>(service.scheduler_options);
  for (const [i, option] of options.entries()) {
    if (option === BROKEN) continue;
    const owner = option.slice(0, option.indexOf("-"));
    if (scheduler !== BROKEN && owner !== scheduler) {
      refuse(
        ["scheduler_options", i],
        `Cannot use ${option} with scheduler ${scheduler}: remove it or use scheduler: ${owner}`,
      );
    } else if (options.indexOf(option) < i) {
      refuse(["scheduler_options", i], `Cannot use ${option} twice: remove one of them`);
    }
  }
  if (service.one_packet === true && (service.protocol ?? DEFAULT_PROTOCOL) === "tcp") {
    refuse(["one_packet"], "Cannot use one_packet with TCP: remove it or use protocol: udp");
  }
}

function checkHealth(service: ServiceDraft, refuse: Refuse): void {
  const { health, protocol = DEFAULT_PROTOCOL } = service;
  const isAny = service.ports === "any" && service.port === undefined;
  if (health === undefined && isAny && protocol === "tcp") {
    refuse(
      ["health"],
      "Cannot check ports: any without a port: add health: { type: tcp, port: 80 } or health: none",
    );
  }
  if (typeof health !== "object") return;
  if (health.port === undefined && isAny) {
    refuse(["health"], "Cannot check ports: any without a port: add port to health");
  }
  if (health.type === "dr") checkDirectRouting(service, health.port, refuse);
  const { interval = DEFAULT_CHECK.interval, timeout = DEFAULT_CHECK.timeout } = health;
  const intervalMs = readDraft(readDuration, interval);
  const timeoutMs = readDraft(readDuration, timeout);
  if (intervalMs === null || timeoutMs === null || timeoutMs < intervalMs) return;
  refuse(
    ["health", health.timeout === undefined ? "interval" : "timeout"],
    `Cannot use timeout ${String(timeout)} with interval ${
      String(interval)
    }: a check must end before the next ` +
      "begins, make timeout shorter than interval",
  );
}

/** A check of type dr is a connection of a client: it goes to the VIP, on a port that clients are served. */
function checkDirectRouting(service: ServiceDraft, port: number | Broken | undefined, refuse: Refuse): void {
  if (service.protocol === "udp") {
    refuse(
      ["health", "type"],
      "Cannot check a UDP service with type dr: the proof is a TCP connection to the VIP, use tcp, http or health: none",
    );
    return;
  }
  const ports = draftPorts(service);
  if (typeof port !== "number" || ports.length === 0) return;
  if (ports.some(({ range }) => range.first <= port && port <= range.last)) return;
  refuse(
    ["health", "port"],
    `Cannot check port ${port} with type dr: the service has ${
      formatPorts(ports.map(({ range }) => range))
    }, and ` +
      "nothing else of the VIP is sent to its servers, use one of them",
  );
}

function checkServers(service: ServiceDraft, refuse: Refuse): void {
  const firstAt = new Map<string, number>();
  for (const [i, server] of entries<ServerInput>(service.servers).entries()) {
    if (server === BROKEN) continue;
    const address = readDraft(readAddress, server.address);
    if (address !== null) {
      const first = firstAt.get(address);
      if (first === undefined) firstAt.set(address, i);
      else {
        refuse(
          ["servers", i, "address"],
          `Cannot list real server ${address} twice: it is servers[${first}] already, remove one of them`,
        );
      }
    }
    checkThresholds(
      server.max_connections,
      server.min_connections,
      (path, message) => refuse(["servers", i, ...path], message),
    );
  }
}

function checkThresholds(
  most: number | Broken = 0,
  least: number | Broken | undefined,
  refuse: Refuse,
): void {
  if (typeof most !== "number" || typeof least !== "number" || least <= most) return;
  refuse(
    ["min_connections"],
    most === 0
      ? "Cannot use min_connections without a limit: add max_connections"
      : `Cannot use min_connections ${least} above max_connections ${most}: make it ${most} or less`,
  );
}
