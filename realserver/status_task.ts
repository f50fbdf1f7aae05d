/**
 * What the status port is to be: on which of this host's addresses, and never where clients could come to it.
 *
 * @module
 */

import { type Link, linkHolding } from "../host/links.ts";
import { type Config, type RealServerStatusConfig, serverAddresses } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { Choice } from "./choose_method.ts";
import type { Target } from "./target.ts";

/** What to serve, and where. */
export interface StatusTask {
  readonly config: RealServerStatusConfig;
  /** Addresses of this host that the configuration lists as a real server's. */
  readonly addresses: readonly string[];
}

/** The status port of a configuration; `null` if it has none. */
export function statusTaskOf({ realserver, services }: Config, links: readonly Link[]): StatusTask | null {
  if (realserver.status === null) return null;
  const addresses = serverAddresses({ services }).filter((address) => linkHolding(links, address) !== null);
  return { config: realserver.status, addresses };
}

/**
 * Passes if no packet to a VIP can come to the status port: method redirect gives those of a service's ports to this
 * host's own address.
 *
 * @throws {OperatorError} Otherwise.
 */
export function assertNotBehindVip(
  { config: { port } }: StatusTask,
  { choice: { method }, targets }: { readonly choice: Choice; readonly targets: readonly Target[] },
): void {
  if (method !== "redirect") return;
  const open = targets.find(({ bindings }) =>
    bindings.some(({ protocol, ports, localPort }) =>
      protocol === "tcp" &&
      (localPort === port ||
        localPort === null && ports.some(({ first, last }) => first <= port && port <= last))
    )
  );
  if (open === undefined) return;
  throw new OperatorError(
    `Cannot serve the status on port ${port}: method redirect would make it reachable at the VIP ${open.vip}`,
    ExitCode.CONFIG,
    { remedy: "Choose another realserver.status.port, name the service's ports, or use another method" },
  );
}
