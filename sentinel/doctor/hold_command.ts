/**
 * The command line that holds a real server's host as it is meant to be.
 *
 * @module
 */

import { shellCommand } from "../../host/command.ts";
import type { Method } from "../../model/config.ts";
import type { Target } from "../../realserver/target.ts";
import type { Facts } from "./facts.ts";

/**
 * `lvsdr realserver` for the VIPs of this host; `null` if it needs a configuration that is not known.
 *
 * @param asked Method to use, whatever the configuration says.
 */
export function holdCommand({ file, runDir, realServer, vips }: Facts, asked: Method | null): string | null {
  const named = realServer?.journal?.scope?.interface ?? null;
  const rest = [...(named === null ? [] : ["--interface", named]), "--run-dir", runDir];
  if (file !== null) {
    const method = asked === null ? [] : ["--method", asked];
    return shellCommand(["lvsdr", "realserver", "-c", file.path, ...method, ...rest]);
  }
  if (realServer === null) return null;
  const { method, targets } = realServer;
  const wanted = asked ?? method;
  const ports = wanted === "redirect" ? portWords(targets) : [];
  if (ports === null) return null;
  const source = [...vips.flatMap((vip) => ["--vip", vip]), ...ports];
  return shellCommand(["lvsdr", "realserver", ...source, "--method", wanted, ...rest]);
}

/** Ports as a command line names them: single ones, the same for all VIPs, of one protocol; else `null`. */
function portWords(targets: readonly Target[]): string[] | null {
  const bindings = targets[0]?.bindings ?? [];
  const isCommon = targets.every((target) => JSON.stringify(target.bindings) === JSON.stringify(bindings));
  const protocols = [...new Set(bindings.map(({ protocol }) => protocol))];
  const ranges = bindings.flatMap(({ ports, localPort }) => ports.map((range) => ({ ...range, localPort })));
  if (!isCommon || protocols.length > 1 || ranges.some(({ first, last }) => first !== last)) return null;
  const words = ranges.flatMap(({ first, localPort }) => [
    "--port",
    localPort === null ? String(first) : `${first}:${localPort}`,
  ]);
  return [...words, ...(protocols[0] === "udp" ? ["--protocol", "udp"] : [])];
}
