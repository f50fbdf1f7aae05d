/**
 * `lvsdr check FILE`: validates a configuration and says what it means, or everything that is wrong with it.
 *
 * @module
 */

import type { Config, RealServer, VirtualService } from "../model/config.ts";
import { counted } from "../model/counted.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { ConfigError } from "./config_error.ts";
import { loadConfig } from "./parse_config.ts";
import { formatPorts } from "./port_list.ts";

/** Where a command prints. */
export interface CheckOutput {
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

/** What is shown of a secret. */
const MASK = "***";

/**
 * Runs `lvsdr check`. The summary, and JSON in any case, go to standard output, problems to standard error.
 *
 * @throws {OperatorError} If the file cannot be read and `json` is false.
 */
export async function runCheck(
  file: string,
  options: { readonly json: boolean },
  output: CheckOutput,
): Promise<ExitCode> {
  try {
    const config = await loadConfig(file);
    output.write(options.json ? json({ ok: true, config: withoutSecrets(config) }) : summary(config, file));
    return ExitCode.OK;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    if (options.json) {
      const { message } = error;
      const unreadable = [{ code: "unreadable", path: "", file, line: null, column: null, message }];
      output.write(json({ ok: false, errors: error instanceof ConfigError ? error.problems : unreadable }));
      return error.exitCode;
    }
    if (!(error instanceof ConfigError)) throw error;
    output.writeError(`${error.report}\n${file}: ${error.count}\n`);
    return error.exitCode;
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function withoutSecrets(config: Config): Config {
  return {
    ...config,
    director: { ...config.director, hashKey: config.director.hashKey === null ? null : MASK },
    status: { ...config.status, token: config.status.token === null ? null : MASK },
    realserver: {
      ...config.realserver,
      status: config.realserver.status === null ? null : { ...config.realserver.status, token: MASK },
    },
  };
}

function summary(config: Config, file: string): string {
  const count = counted(config.services.length, "virtual service");
  return `${file}: valid, ${count}\n${config.services.map(serviceText).join("")}`;
}

function serviceText(service: VirtualService): string {
  const { name, protocol, vip, vlan, ports, scheduler, servers } = service;
  const scheduling = [scheduler, ...service.schedulerOptions].join(" ");
  const place = `${protocol} ${vip} port ${formatPorts(ports)}${vlan === null ? "" : ` in VLAN ${vlan}`}`;
  const parts = [place, `scheduler ${scheduling}`, healthText(service), ...clientTexts(service)];
  const heading = `\n${name}: ${parts.join(", ")}\n`;
  const width = Math.max(...servers.map(({ address }) => address.length));
  return heading +
    servers.map((server) => `  ${server.address.padEnd(width)}  ${serverText(server, vlan)}\n`).join("");
}

function healthText({ health }: VirtualService): string {
  if (health === null) return "no health check";
  const path = health.type === "http" ? health.path : "";
  return `check ${health.type} :${health.port}${path} every ${health.intervalMs / 1_000} s`;
}

function clientTexts({ allow, deny, newConnectionsPerSource }: VirtualService): string[] {
  return [
    ...(allow.length === 0 ? [] : [`clients of ${counted(allow.length, "network")} only`]),
    ...(deny.length === 0 ? [] : [`clients of ${counted(deny.length, "network")} refused`]),
    ...(newConnectionsPerSource === 0 ? [] : [`${newConnectionsPerSource} new connections/s per source`]),
  ];
}

function serverText(
  { vlan, port, weight, maxConnections, minConnections }: RealServer,
  serviceVlan: number | null,
): string {
  const limit = maxConnections === 0
    ? ""
    : `, full at ${maxConnections} connections, used again below ${minConnections}`;
  const place = vlan === serviceVlan ? "" : vlan === null ? ", untagged" : `, in VLAN ${vlan}`;
  const ownPort = port === null ? "" : `, port ${port}`;
  return `weight ${weight}${weight === 0 ? " (quiesced)" : ""}${ownPort}${place}${limit}`;
}
