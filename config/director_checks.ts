/**
 * What must hold between the keys of the director and its page, and between them and the services. Values that are
 * broken already are taken to be right.
 *
 * @module
 */

import { counted } from "../model/counted.ts";
import { endpointText, isLoopback } from "../model/ip_address.ts";
import { readAddress, readVip } from "./address.ts";
import { BROKEN, type Draft, entries } from "./draft.ts";
import { readListen } from "./listen.ts";
import type { ConfigInput } from "./schema.ts";
import {
  type ConfigDraft,
  type LineOf,
  readDraft,
  type Refuse,
  type ServerInput,
  type ServiceDraft,
} from "./service_checks.ts";

type DirectorDraft = Exclude<Draft<NonNullable<ConfigInput["director"]>>, typeof BROKEN>;
type StatusDraft = Exclude<Draft<NonNullable<ConfigInput["status"]>>, typeof BROKEN>;

/** Checks the keys `director` and `status`. */
export function checkDirector(
  { director, status }: ConfigDraft,
  services: readonly (ServiceDraft | null)[],
  lineOf: LineOf,
  refuse: Refuse,
): void {
  if (typeof status === "object") checkToken(status, refuse);
  if (typeof director !== "object") return;
  checkCpus(director, refuse);
  checkProbeAddress(director, services, lineOf, refuse);
}

function checkToken(status: StatusDraft, refuse: Refuse): void {
  const listen = readDraft(readListen, status.listen);
  if (listen === null || isLoopback(listen.host) || status.token !== undefined) return;
  refuse(
    ["status", "listen"],
    `Cannot serve ${
      endpointText(listen.host, listen.port)
    } without a token: add token, for example from: openssl rand -hex 16`,
  );
}

/** One CPU for each worker: two on one would only take turns. */
function checkCpus({ cpus, workers = 1 }: DirectorDraft, refuse: Refuse): void {
  if (!Array.isArray(cpus)) return;
  const listed: readonly Draft<number>[] = cpus;
  for (const [i, cpu] of listed.entries()) {
    if (cpu === BROKEN || listed.indexOf(cpu) === i) continue;
    refuse(["director", "cpus", i], `Cannot bind two workers to CPU ${cpu}: list another one`);
  }
  if (workers === BROKEN || listed.length === workers) return;
  const [cpuCount, workerCount] = [counted(listed.length, "CPU"), counted(workers, "worker")];
  refuse(
    ["director", "cpus"],
    `Cannot bind ${workerCount} to ${cpuCount}: list as many CPUs as there are workers, or remove cpus`,
  );
}

/** Nobody may have the address that proofs are made from. */
function checkProbeAddress(
  director: DirectorDraft,
  services: readonly (ServiceDraft | null)[],
  lineOf: LineOf,
  refuse: Refuse,
): void {
  const probe = readDraft(readAddress, director.probe_address);
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
