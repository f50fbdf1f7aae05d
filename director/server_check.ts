/**
 * How one real server is checked.
 *
 * @module
 */

import type { HealthCheck, RealServer, VirtualService } from "../model/config.ts";

/**
 * The service's check, as one of its servers has to answer it: a check of the service's port goes to the port that
 * the server has instead of it, but for one through the VIP, which is made the way clients come.
 */
export function checkOfServer(
  check: HealthCheck,
  { ports }: Pick<VirtualService, "ports">,
  { port }: Pick<RealServer, "port">,
): HealthCheck {
  if (check.type === "dr") return check;
  return port !== null && check.port === ports[0]!.first ? { ...check, port } : check;
}
