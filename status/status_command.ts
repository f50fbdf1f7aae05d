/**
 * `lvsdr status`: what a running director knows, for people and for scripts.
 *
 * @module
 */

import { counted } from "../model/counted.ts";
import { ExitCode } from "../model/exit_code.ts";
import { endpointText } from "../model/ip_address.ts";
import { columnLines, printable } from "../model/plain_text.ts";
import type {
  RealServerStatus,
  StatusSnapshot,
  VirtualServiceStatus,
  WireAlarm,
} from "../model/status_snapshot.ts";
import { assess, countUsable, describeState } from "./assessment.ts";
import { fetchSnapshot } from "./client.ts";
import { hostAuditText, hostLoadText } from "./host_text.ts";
import { age, duration, exactNumber, percent, shortBytes, shortNumber, shortRate } from "./humanize.ts";

export interface StatusOptions {
  readonly runDir: string;
  /** Print the snapshot itself instead of tables. */
  readonly json: boolean;
}

/** Where the command prints to. */
export interface StatusIo {
  write(text: string): void;
}

const COLUMNS = [
  "Server",
  "State",
  "Weight",
  "Active",
  "Inactive",
  "Conn/s",
  "Packets",
  "Bytes",
  "VIP audit",
  "Last check",
] as const;

/** From Weight to Bytes: numbers, aligned at their end. */
const isNumberColumn = (column: number): boolean => column >= 2 && column <= 7;

function serverCells(server: RealServerStatus, now: string): string[] {
  const { weight, effectiveWeight, lastCheck } = server;
  return [
    server.address,
    describeState(server).word,
    effectiveWeight === weight ? String(weight) : `${effectiveWeight}/${weight}`,
    exactNumber(server.activeConnections),
    exactNumber(server.inactiveConnections),
    shortRate(server.connectionsPerSecond),
    shortNumber(server.packets),
    shortBytes(server.bytes),
    server.audit?.verdict ?? "none yet",
    lastCheck === null ? "none yet" : `${lastCheck.message} (${age(lastCheck.at, now)})`,
  ];
}

function serviceLine(service: VirtualServiceStatus): string {
  const what = `${service.protocol.toUpperCase()} ${
    endpointText(service.vip, service.ports)
  } ${service.scheduler}`;
  const usable = `${countUsable(service)} of ${counted(service.servers.length, "server")} usable`;
  return `${printable(service.name)}: ${what}, ${usable}`;
}

function hostLines({ host }: RealServerStatus): string[] {
  if (host === null) return [];
  const load = hostLoadText(host);
  return [`    host audit: ${printable(hostAuditText(host))}${load === null ? "" : `; ${load}`}`];
}

/** How many threads forward; one is not worth a word. */
function workersText(workers: number): string {
  return workers > 1 ? `, ${workers} workers` : "";
}

function alarmLines(
  { name, sentence, host, command, firstSeen, lastSeen }: WireAlarm,
  now: string,
): string[] {
  const seen = `first seen ${age(firstSeen, now)}, last seen ${age(lastSeen, now)}`;
  return [
    "",
    `Alarm ${name}, ${seen}`,
    `  ${printable(sentence)}`,
    `  on ${printable(host)}: ${printable(command)}`,
  ];
}

/** The text `lvsdr status` prints for `snapshot`. */
export function renderStatus(snapshot: StatusSnapshot): string {
  const { datapath, connectionTable: table, services } = snapshot;
  const { headline, reasons } = assess(snapshot);
  const port = [datapath.interface, ...datapath.uplinks]
    .map(({ name, mac, mtu }) => `${name} (${mac}, MTU ${mtu})`).join(", real servers behind ");
  const lines = [
    printable(headline),
    ...reasons.map((reason) => `  - ${printable(reason)}`),
    ...snapshot.alarms.flatMap((alarm) => alarmLines(alarm, snapshot.at)),
    "",
    `lvsdr ${snapshot.version}, ${snapshot.ha.state}, up ${duration(snapshot.uptimeSeconds)}, ` +
    `${datapath.mode} on ${port}${workersText(datapath.workers.length)}`,
    `${exactNumber(table.used)} of ${exactNumber(table.capacity)} connections in the table ` +
    `(${percent(table.used, table.capacity)}), frames lost: ${
      exactNumber(datapath.captureDrops)
    } in capture, ` +
    `${exactNumber(datapath.transmitErrors)} in sending`,
  ];
  // All services share their column widths, so that the eye can run down the page.
  const rows = columnLines([
    COLUMNS,
    ...services.flatMap(({ servers }) => servers.map((server) => serverCells(server, snapshot.at))),
  ], isNumberColumn);
  const [header, ...serverRows] = rows;
  for (const service of services) {
    lines.push("", serviceLine(service), `  ${header}`);
    const shown = serverRows.splice(0, service.servers.length);
    lines.push(...shown.flatMap((row, index) => [`  ${row}`, ...hostLines(service.servers[index]!)]));
  }
  return lines.join("\n") + "\n";
}

/**
 * Prints the state of the director on a run directory.
 *
 * @returns `OK` if every service can be given a new connection and nobody else claims a VIP, else `FAILED`.
 * @throws {OperatorError} If no director answers there.
 */
export async function runStatus({ runDir, json }: StatusOptions, io: StatusIo): Promise<ExitCode> {
  const snapshot = await fetchSnapshot(runDir);
  io.write(json ? JSON.stringify(snapshot, null, 2) + "\n" : renderStatus(snapshot));
  return assess(snapshot).level === "error" ? ExitCode.FAILED : ExitCode.OK;
}
