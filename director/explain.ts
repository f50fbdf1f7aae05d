/**
 * Explains what becomes of a client's connection: the decision of the datapath, what the configuration has to do with
 * it, and what the director's own kernel does with the same frame.
 *
 * @module
 */

import { formatPorts } from "../config/port_list.ts";
import { hasNftTable } from "../host/nft_tables.ts";
import type { Config, Prefix, VirtualService } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import type {
  Decision,
  ExplainQuestion,
  Explanation,
  KernelView,
  ServiceAsked,
} from "../model/explanation.ts";
import { hostOfUrl, isInPrefix } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { LastCheck } from "../model/status_snapshot.ts";
import { GUARD_FAMILY, guardTableName } from "./guard_ruleset.ts";
import { interferenceOf } from "./silent_host.ts";

/** Where an explanation comes from. */
export interface ExplainSources {
  readonly config: Config;
  /** Names of the interfaces that frames leave by; they come in by the first. */
  readonly interfaces: readonly [string, ...string[]];
  /** Whether this host's kernel is kept away by a guard. */
  readonly hasGuard: boolean;
  decide(question: ExplainQuestion): Promise<Decision>;
  lastCheckOf(service: string, server: string): LastCheck | null;
}

/**
 * Answers a question.
 *
 * @throws {OperatorError} If it cannot be answered without the client's port, or the datapath has been stopped.
 */
export async function explainConnection(
  sources: ExplainSources,
  question: ExplainQuestion,
): Promise<Explanation> {
  const asked = sources.config.services.find((service) => isFor(service, question));
  if (asked !== undefined && question.clientPort === null && usesClientPort(asked)) {
    throw new OperatorError(
      `Service "${asked.name}" chooses by the client's port too`,
      ExitCode.USAGE,
      { remedy: `Name it: lvsdr explain ${hostOfUrl(question.client)}:PORT ${endpoint(question)}` },
    );
  }
  const decision = await sources.decide(question);
  const service = sources.config.services.find(({ name }) => name === decision.service);
  return {
    question,
    decision,
    service: service === undefined ? null : serviceAsked(service, question, sources),
    nearest: service === undefined ? nearestServices(sources.config, question) : [],
    interfaces: sources.interfaces,
    kernel: await kernelView(sources, question.vip),
  };
}

function isFor({ vip, protocol, ports }: VirtualService, question: ExplainQuestion): boolean {
  return vip === question.vip && protocol === question.protocol &&
    ports.some(({ first, last }) => first <= question.port && question.port <= last);
}

function endpoint({ vip, port }: ExplainQuestion): string {
  return `${hostOfUrl(vip)}:${port}`;
}

/** Whether a service's scheduler goes by the client's port. */
function usesClientPort({ scheduler, schedulerOptions }: VirtualService): boolean {
  return (scheduler === "sh" && schedulerOptions.includes("sh-port")) ||
    (scheduler === "mh" && schedulerOptions.includes("mh-port"));
}

function serviceAsked(
  service: VirtualService,
  { client }: ExplainQuestion,
  { lastCheckOf }: ExplainSources,
): ServiceAsked {
  const inDeny = narrowest(service.deny, client);
  const inAllow = narrowest(service.allow, client);
  const checks = service.servers.flatMap(({ address }) => {
    const check = lastCheckOf(service.name, address);
    return check === null ? [] : [[address, check.message] as const];
  });
  return {
    name: service.name,
    ports: formatPorts(service.ports),
    vlan: service.vlan,
    scheduler: service.scheduler,
    usesClientPort: usesClientPort(service),
    isOnePacket: service.onePacket,
    network: inDeny !== null
      ? { list: "deny", prefix: inDeny }
      : inAllow !== null
      ? { list: "allow", prefix: inAllow }
      : null,
    hasAllowList: service.allow.length > 0,
    newConnectionsPerSource: service.newConnectionsPerSource,
    persistenceMs: service.persistence?.timeoutMs ?? 0,
    persistencePrefix: service.persistence?.prefixLength ?? 0,
    checks: Object.fromEntries(checks),
  };
}

/** The smallest of the networks that a client is in, as text. */
function narrowest(prefixes: readonly Prefix[], client: string): string | null {
  const holding = prefixes.filter(({ address, length }) => isInPrefix(client, address, length));
  const [first] = holding.toSorted((one, other) => other.length - one.length);
  return first === undefined ? null : `${first.address}/${first.length}`;
}

/** Services that differ in one thing: first the same VIP and port, then the same VIP, then the same port. */
function nearestServices({ services }: Config, question: ExplainQuestion): string[] {
  const sameButProtocol = services.filter((service) =>
    isFor({ ...service, protocol: question.protocol }, question)
  );
  const sameVip = services.filter(({ vip }) => vip === question.vip);
  const samePort = services.filter((service) => isFor({ ...service, vip: question.vip }, question));
  const near = [sameButProtocol, sameVip, samePort].find((found) => found.length > 0) ?? services;
  return near.map(({ name, vip, protocol, ports }) =>
    `${name}: ${protocol.toUpperCase()} ${hostOfUrl(vip)}:${formatPorts(ports)}`
  );
}

async function kernelView(
  { config, interfaces, hasGuard }: ExplainSources,
  address: string,
): Promise<KernelView> {
  const name = guardTableName(interfaces[0]);
  const isCovered = hasGuard && config.services.some(({ vip }) => vip === address);
  // What is in force counts, not what was made: somebody may have flushed it.
  const isGuarded = isCovered && await hasNftTable(GUARD_FAMILY, name);
  return {
    guard: isGuarded ? `${GUARD_FAMILY} ${name}` : null,
    interference: await interferenceOf([interfaces[0]], [address]),
  };
}
