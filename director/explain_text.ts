/**
 * The text of an explanation: the steps a packet takes, in their order.
 *
 * @module
 */

import { counted } from "../model/counted.ts";
import type {
  Decision,
  EntryFound,
  ExplainQuestion,
  Explanation,
  KernelView,
  ServiceAsked,
} from "../model/explanation.ts";
import { familyOf, hostOfUrl, networkAddress } from "../model/ip_address.ts";
import { columnLines, printable } from "../model/plain_text.ts";
import { duration, exactNumber } from "../status/humanize.ts";

/** Heading of a step, as wide as the longest. */
const STEP_WIDTH = 12;
/** Bits of an IPv6 client's address that make a source. */
const IPV6_SOURCE_BITS = 64;

/** The text `lvsdr explain` prints. */
export function explanationText(explanation: Explanation): string {
  const { question, decision, service } = explanation;
  const { client, clientPort, vip, port, protocol } = question;
  const from = clientPort === null ? client : `${hostOfUrl(client)}:${clientPort}`;
  const steps: (readonly [name: string, lines: readonly string[]])[] = [
    ["Service", service === null ? noService(explanation) : [serviceText(service)]],
    ...(service === null ? [] : servicePart(question, decision, service)),
    ["Outcome", outcomeLines(decision)],
    ["Frame", [frameText(explanation)]],
    ["Kernel", [kernelText(explanation.kernel, vip)]],
  ];
  const head = `The first packet of ${from} to ${protocol.toUpperCase()} ${hostOfUrl(vip)}:${port}, ` +
    `were it to come to ${explanation.interfaces[0]} now:`;
  return [head, "", ...steps.flatMap(([name, lines]) => stepLines(name, lines)), ""].join("\n");
}

function stepLines(name: string, lines: readonly string[]): string[] {
  return lines.map((line, index) =>
    `${(index === 0 ? name : "").padEnd(STEP_WIDTH)}${printable(line)}`.trimEnd()
  );
}

function servicePart(
  question: ExplainQuestion,
  decision: Decision,
  service: ServiceAsked,
): (readonly [string, readonly string[]])[] {
  return [
    ["Admission", admissionLines(question, decision, service)],
    ["Connection", [connectionText(question, decision, service)]],
    ["Persistence", [persistenceText(question, decision, service)]],
    ["Servers", serverLines(decision, service)],
  ];
}

function noService({ question, nearest }: Explanation): string[] {
  const { vip, port, protocol } = question;
  return [
    `none has ${protocol.toUpperCase()} ${hostOfUrl(vip)}:${port}`,
    ...nearest.map((text, index) => `${index === 0 ? "nearest: " : "         "}${text}`),
  ];
}

function serviceText({ name, ports, vlan, scheduler, usesClientPort, isOnePacket }: ServiceAsked): string {
  const where = vlan === null ? "untagged" : `in VLAN ${vlan}`;
  const by = usesClientPort ? ", by the client's port too" : "";
  return `${name}, ports ${ports}, ${where}, scheduler ${scheduler}${by}` +
    (isOnePacket ? ", every packet on its own" : "");
}

function admissionLines(
  { client }: ExplainQuestion,
  { isDenied, newConnectionsLeft }: Decision,
  { network, hasAllowList, newConnectionsPerSource }: ServiceAsked,
): string[] {
  const why = network !== null
    ? `${network.prefix} is in ${network.list}`
    : hasAllowList
    ? "in no network of allow"
    : "the service keeps nobody out";
  const source = familyOf(client) === 4
    ? client
    : `${networkAddress(client, IPV6_SOURCE_BITS)}/${IPV6_SOURCE_BITS}`;
  if (isDenied) return [`new connections denied: ${why}`];
  return [
    `allowed: ${why}`,
    newConnectionsLeft === null
      ? "no limit for a source"
      : `${source} may open ${newConnectionsLeft} more at once, and ${newConnectionsPerSource} a second`,
  ];
}

function connectionText(
  { clientPort }: ExplainQuestion,
  { connection, isTableFull, worker }: Decision,
  { isOnePacket }: ServiceAsked,
): string {
  if (isOnePacket) return "none is ever made for this service";
  if (clientPort === null) return "not looked for, as no client port was given";
  if (connection !== null) {
    return `known: ${connection.state} with ${placeText(connection)}; kept by worker ${worker}`;
  }
  return isTableFull
    ? `none known, and the table of worker ${worker} is full: another has to make room, or this one is dropped`
    : `none known to worker ${worker}, which has this client`;
}

function persistenceText(
  { client }: ExplainQuestion,
  { template }: Decision,
  { persistenceMs, persistencePrefix }: ServiceAsked,
): string {
  if (persistenceMs === 0) return "the service has none";
  const network = `${networkAddress(client, persistencePrefix)}/${persistencePrefix}`;
  return template === null
    ? `no template for ${network}`
    : `template for ${network}: ${placeText(template)}, held by ${counted(template.holders, "connection")}`;
}

function placeText({ expiresInMs, server }: EntryFound): string {
  return `${server ?? "a server that is gone"}, expires in ${duration(expiresInMs / 1_000)}`;
}

function serverLines({ servers }: Decision, { checks }: ServiceAsked): string[] {
  return columnLines([
    ["address", "state", "weight", "active", "inactive", "MAC", "last check"],
    ...servers.map((server) => [
      server.address,
      server.isOverloaded ? `${server.condition}, full` : server.condition,
      String(server.weight),
      exactNumber(server.activeConnections),
      exactNumber(server.inactiveConnections),
      server.mac === null ? "unknown" : `${server.mac}${macAge(server.macAgeMs)}`,
      checks[server.address] ?? "none",
    ]),
  ]);
}

function macAge(ageMs: number | null): string {
  return ageMs === null ? "" : ` (${duration(ageMs / 1_000)} ago)`;
}

function outcomeLines({ verdict, sent }: Decision): string[] {
  const to = sent?.server === null || sent === null ? "" : `, ${sent.server}`;
  return [`${verdict.name}: ${verdict.meaning}${to}`];
}

function frameText({ decision: { sent }, interfaces }: Explanation): string {
  if (sent === null) return "none leaves";
  const { destinationMac, sourceMac, egress, vlan, hopLimit } = sent;
  const by = `out by ${interfaces[egress]}, ${vlan === null ? "untagged" : `in VLAN ${vlan}`}`;
  return destinationMac === null
    ? `${by}, back to where the packet came from`
    : `${by}, to ${destinationMac} from ${sourceMac}, TTL ${hopLimit} if it came with ${hopLimit + 1}`;
}

function kernelText({ guard, interference }: KernelView, vip: string): string {
  const without = interference === null
    ? `${vip} is none of its addresses, and it forwards nothing`
    : `would handle it as well: ${interference}`;
  if (guard !== null) return `never sees it: nft table ${guard} drops it; without that: ${without}`;
  return interference === null ? `ignores it: ${without}` : without;
}
