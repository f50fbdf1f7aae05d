/**
 * The command line that holds a real server's host as it is meant to be.
 *
 * @module
 */

import type { Method } from "../../model/config.ts";
import type { RealServerOptions } from "../../realserver/options.ts";
import { roleCommand } from "../../realserver/role_command.ts";
import type { Target } from "../../realserver/target.ts";
import type { ConfigFile } from "../finding.ts";
import type { Facts, RealServerFacts } from "./facts.ts";
import { methodOfSteps } from "./role_journal.ts";

type PortOptions = Pick<RealServerOptions, "ports" | "protocol">;

const NO_PORTS: PortOptions = { ports: [], protocol: null };

/**
 * `lvsdr realserver` for the VIPs of this host; `null` if it needs a configuration that is not known.
 *
 * @param asked Method to use, whatever the configuration says; `null` means the one in force, or else configured.
 */
export function holdCommand({ file, runDir, realServer, vips }: Facts, asked: Method | null): string | null {
  const rest = { runDir, interface: realServer?.journal?.scope?.interface ?? null };
  if (file !== null) {
    const method = asked ?? unlikeConfigured(file, realServer) ?? "auto";
    return roleCommand({ config: file.path, vips: [], ...NO_PORTS, method, ...rest });
  }
  if (realServer === null) return null;
  const method = asked ?? realServer.method;
  const ports = method === "redirect" ? portOptions(realServer.targets) : NO_PORTS;
  return ports === null ? null : roleCommand({ config: null, vips, ...ports, method, ...rest });
}

/**
 * The method by which the host has been changed, if the configuration does not say so: by another one its clients may
 * come to nobody.
 */
function unlikeConfigured({ config }: ConfigFile, realServer: RealServerFacts | null): Method | null {
  const used = methodOfSteps(realServer?.journal?.steps ?? []);
  return used === config.realserver.method ? null : used;
}

/** Ports as a command line names them: single ones, the same for all VIPs, of one protocol; else `null`. */
function portOptions(targets: readonly Target[]): PortOptions | null {
  const bindings = targets[0]?.bindings ?? [];
  const isCommon = targets.every((target) => JSON.stringify(target.bindings) === JSON.stringify(bindings));
  const protocols = [...new Set(bindings.map(({ protocol }) => protocol))];
  const ranges = bindings.flatMap(({ ports, localPort }) => ports.map((range) => ({ ...range, localPort })));
  if (!isCommon || protocols.length > 1 || ranges.some(({ first, last }) => first !== last)) return null;
  return {
    ports: ranges.map(({ first, localPort }) => ({ port: first, localPort })),
    protocol: protocols[0] === "udp" ? "udp" : null,
  };
}
