/**
 * The command line of the role that was asked for, as it would be typed to hold the host.
 *
 * @module
 */

import { shellCommand } from "../host/command.ts";
import type { RealServerOptions } from "./options.ts";
import type { TaskOptions } from "./task.ts";

/** What says which host is meant, and what it must be. */
export type RoleArguments = TaskOptions & Pick<RealServerOptions, "runDir">;

/** `lvsdr realserver` with the same arguments, without the mode that only looks. */
export function roleCommand(options: RoleArguments): string {
  const { config, vips, ports, protocol, method, interface: device, runDir } = options;
  return shellCommand([
    ...["lvsdr", "realserver"],
    ...(config === null ? [] : ["-c", config]),
    ...vips.flatMap((vip) => ["--vip", vip]),
    ...ports.flatMap(({ port, localPort }) => [
      "--port",
      localPort === null ? String(port) : `${port}:${localPort}`,
    ]),
    ...(protocol === null ? [] : ["--protocol", protocol]),
    ...(method === "auto" ? [] : ["--method", method]),
    ...(device === null ? [] : ["--interface", device]),
    ...["--run-dir", runDir],
  ]);
}
