/**
 * The snapshot in Prometheus' text exposition format, version 0.0.4.
 *
 * @module
 */

import {
  type AuditStatus,
  type HostReport,
  type RealServerStatus,
  type StatusSnapshot,
  type TrafficCounters,
  type VirtualServiceStatus,
  WIRE_ALARM_NAMES,
  type WireAlarmName,
  type WorkerStatus,
} from "../model/status_snapshot.ts";
import { assess, countUsable, LEVELS } from "./assessment.ts";
import { isUnsound } from "./host_text.ts";

/** Media type of {@linkcode renderMetrics}' result. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;
type TellingHost = Extract<HostReport, { kind: "told" }>;
type Sample = readonly [labels: Labels, value: number];

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

function family(type: "counter" | "gauge", name: string, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return "";
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
    return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
  });
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

const gauge = (name: string, help: string, samples: readonly Sample[]) =>
  family("gauge", name, help, samples);
const counter = (name: string, help: string, samples: readonly Sample[]) =>
  family("counter", name, help, samples);

const only = (value: number): Sample[] => [[{}, value]];

function traffic(
  prefix: string,
  subject: string,
  rows: readonly (readonly [Labels, TrafficCounters])[],
): string[] {
  const column = (pick: (counters: TrafficCounters) => number): Sample[] =>
    rows.map(([labels, counters]) => [labels, pick(counters)]);
  return [
    counter(`${prefix}_connections_total`, `Connections given to ${subject}.`, column((c) => c.connections)),
    counter(`${prefix}_packets_total`, `Client packets forwarded to ${subject}.`, column((c) => c.packets)),
    counter(
      `${prefix}_bytes_total`,
      `Bytes of client frames forwarded to ${subject}.`,
      column((c) => c.bytes),
    ),
  ];
}

function serviceMetrics(services: readonly VirtualServiceStatus[]): string[] {
  const rows = services.map((service) =>
    [{
      service: service.name,
      vip: service.vip,
      protocol: service.protocol,
      ports: service.ports,
    }, service] as const
  );
  return [
    gauge(
      "lvsdr_service_usable_servers",
      "Real servers of the virtual service that can be given a new connection.",
      rows.map(([labels, service]) => [labels, countUsable(service)]),
    ),
    ...traffic("lvsdr_service", "the virtual service", rows),
  ];
}

function serverMetrics(services: readonly VirtualServiceStatus[]): string[] {
  const rows = services.flatMap((service) =>
    service.servers.map((server) => [{ service: service.name, server: server.address }, server] as const)
  );
  const column = (name: string, help: string, pick: (server: RealServerStatus) => number): string =>
    gauge(`lvsdr_server_${name}`, help, rows.map(([labels, server]) => [labels, pick(server)]));
  const checked = rows.flatMap(([labels, { lastCheck }]) =>
    lastCheck === null ? [] : [[labels, lastCheck] as const]
  );
  const audited = rows.flatMap(([labels, { audit }]) => audit === null ? [] : [[labels, audit] as const]);
  const verdict = (name: AuditStatus["verdict"]): Sample[] =>
    audited.map(([labels, audit]) => [{ ...labels, verdict: name }, Number(audit.verdict === name)]);
  const state = (name: RealServerStatus["state"]): Sample[] =>
    rows.map(([labels, server]) => [{ ...labels, state: name }, Number(server.state === name)]);
  return [
    gauge("lvsdr_server_state", "1 for the state the real server is in, 0 for the others.", [
      ...state("up"),
      ...state("down"),
      ...state("quiesced"),
      ...state("unresolved"),
      ...state("quarantined"),
    ]),
    column(
      "overloaded",
      "Whether connection thresholds keep new connections away.",
      (s) => Number(s.isOverloaded),
    ),
    column("weight", "Configured weight.", (s) => s.weight),
    column("effective_weight", "Weight the scheduler uses now.", (s) => s.effectiveWeight),
    column("active_connections", "Connections in state SYN_RECV or ESTABLISHED.", (s) => s.activeConnections),
    column("inactive_connections", "Connections in any other state.", (s) => s.inactiveConnections),
    ...traffic("lvsdr_server", "the real server", rows),
    gauge(
      "lvsdr_server_check_passed",
      "Whether the last health check passed.",
      checked.map(([labels, check]) => [labels, Number(check.passed)]),
    ),
    gauge(
      "lvsdr_server_check_duration_seconds",
      "Duration of the last health check.",
      checked.map(([labels, check]) => [labels, check.durationMs / 1000]),
    ),
    gauge(
      "lvsdr_server_audit",
      "1 for what the real server did when it was last asked for the VIP, 0 for the others.",
      [
        ...verdict("hardened"),
        ...verdict("answers"),
        ...verdict("unreachable"),
        ...verdict("contested"),
      ],
    ),
  ];
}

function workerMetrics(workers: readonly WorkerStatus[]): string[] {
  const column = (pick: (worker: WorkerStatus) => number): Sample[] =>
    workers.map((worker, number) => [{ worker: String(number) }, pick(worker)]);
  return [
    counter("lvsdr_worker_frames_total", "Frames the worker has received.", column((w) => w.frames)),
    counter(
      "lvsdr_worker_capture_drops_total",
      "Frames the kernel had to drop because the worker's capture ring was full.",
      column((w) => w.captureDrops),
    ),
    gauge(
      "lvsdr_worker_connections",
      "Connections in the worker's part of the table.",
      column((w) => w.connections),
    ),
  ];
}

function wireMetrics({ alarms, wire }: StatusSnapshot): string[] {
  const perName = (count: (name: WireAlarmName) => number): Sample[] =>
    WIRE_ALARM_NAMES.map((name) => [{ alarm: name }, count(name)]);
  return [
    gauge(
      "lvsdr_wire_alarms",
      "Alarms that stand: somebody else says that it has a VIP.",
      perName((name) => alarms.filter((alarm) => alarm.name === name).length),
    ),
    counter("lvsdr_wire_alarms_raised_total", "Alarms so far.", perName((name) => wire.raised[name])),
    counter(
      "lvsdr_wire_defences_total",
      "Announcements of a VIP because somebody else had claimed it.",
      only(wire.defences),
    ),
    counter(
      "lvsdr_wire_missed_total",
      "ARP and NDP packets about VIPs that came too fast to be looked at.",
      only(wire.missed),
    ),
  ];
}

/** What real servers say of their own hosts, once for each host that does. */
function hostMetrics(services: readonly VirtualServiceStatus[]): string[] {
  const hosts = new Map(
    services.flatMap(({ servers }) =>
      servers.flatMap(({ address, host }) => host?.kind === "told" ? [[address, host] as const] : [])
    ),
  );
  const column = (pick: (host: TellingHost) => number): Sample[] =>
    [...hosts].map(([server, host]) => [{ server }, pick(host)]);
  return [
    gauge(
      "lvsdr_server_host_sound",
      "Whether the real server says that its host is as it must be.",
      column((host) => Number(!isUnsound(host))),
    ),
    gauge(
      "lvsdr_server_host_facts_wrong",
      "Facts of its host that the real server says do not hold.",
      column((host) => host.factsWrong),
    ),
  ];
}

/** All metrics of one snapshot. A family without samples is left out. */
export function renderMetrics(snapshot: StatusSnapshot): string {
  const { datapath, connectionTable: table } = snapshot;
  const { level } = assess(snapshot);
  return [
    gauge("lvsdr_build_info", "Version of the running director.", [[{ version: snapshot.version }, 1]]),
    gauge("lvsdr_uptime_seconds", "Time since the director started.", only(snapshot.uptimeSeconds)),
    gauge(
      "lvsdr_level",
      "1 for how well all is, as the headline of page and lvsdr status says, 0 for the others.",
      LEVELS.map((name) => [{ level: name }, Number(name === level)]),
    ),
    gauge("lvsdr_forwarding", "Whether the datapath works.", only(Number(datapath.isForwarding))),
    gauge("lvsdr_connection_table_entries", "Connections in the table.", only(table.used)),
    gauge("lvsdr_connection_table_capacity", "Connections the table can hold.", only(table.capacity)),
    gauge("lvsdr_forwarding_table_generation", "Generation of the table in use.", only(datapath.generation)),
    counter(
      "lvsdr_capture_drops_total",
      "Frames the kernel had to drop because the capture ring was full.",
      only(datapath.captureDrops),
    ),
    counter(
      "lvsdr_transmit_errors_total",
      "Frames the kernel did not accept for sending.",
      only(datapath.transmitErrors),
    ),
    ...workerMetrics(datapath.workers),
    counter(
      "lvsdr_frames_total",
      "Frames by what became of them.",
      snapshot.verdicts.map(({ name, frames }) => [{ verdict: name }, frames]),
    ),
    ...wireMetrics(snapshot),
    ...serviceMetrics(snapshot.services),
    ...serverMetrics(snapshot.services),
    ...hostMetrics(snapshot.services),
  ].join("");
}
