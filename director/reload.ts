/**
 * What a running director cannot change.
 *
 * @module
 */

import type { Config } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { Attachment } from "./attachment.ts";

/**
 * Refuses a configuration whose changes would be lost without a restart.
 *
 * @throws {OperatorError} If it differs in one of those settings; the message names them all.
 */
export function refuseLostSettings(current: Config, next: Config): void {
  const differs = (one: unknown, other: unknown) => JSON.stringify(one) !== JSON.stringify(other);
  const lost = [
    ...(differs(current.director.interface, next.director.interface) ? ["director.interface"] : []),
    ...(differs(current.director.maxConnections, next.director.maxConnections)
      ? ["director.max_connections"]
      : []),
    ...(differs(current.director.hashKey, next.director.hashKey) ? ["director.hash_key"] : []),
    ...(differs(current.status, next.status) ? ["status"] : []),
  ];
  if (lost.length === 0) return;
  throw new OperatorError(`A running director cannot change ${lost.join(", ")}`, ExitCode.CONFIG, {
    remedy: "Restart it; its connections go on",
  });
}

/**
 * Refuses a configuration whose VIPs are on another interface than the one a director listens on.
 *
 * @throws {OperatorError} If they are.
 */
export function refuseOtherInterface(current: Attachment, next: Attachment): void {
  if (next.name === current.name) return;
  throw new OperatorError(
    `A running director cannot move from ${current.name} to ${next.name}, where its VIPs would be`,
    ExitCode.CONFIG,
    { remedy: "Restart it; its connections go on" },
  );
}
