/**
 * What a running director cannot change.
 *
 * @module
 */

import { decidingBits, type SharingClients } from "../datapath/mod.ts";
import type { Config, DirectorConfig } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { Attachment } from "./attachment.ts";

/** The keys of what is read once, when a director opens its device and its tables; `null` for what it can change. */
const LOST_KEYS: Readonly<Record<keyof DirectorConfig, string | null>> = {
  interface: "director.interface",
  maxConnections: "director.max_connections",
  hashKey: "director.hash_key",
  workers: "director.workers",
  cpus: "director.cpus",
  offloads: "director.offloads",
  probeAddress: null,
  quarantine: null,
};

/**
 * Refuses a configuration whose changes would be lost without a restart.
 *
 * @throws {OperatorError} If it differs in one of those settings; the message names them all.
 */
export function refuseLostSettings(current: Config, next: Config): void {
  const differs = (one: unknown, other: unknown) => JSON.stringify(one) !== JSON.stringify(other);
  const lost = [
    ...(Object.keys(LOST_KEYS) as (keyof DirectorConfig)[])
      .filter((setting) => differs(current.director[setting], next.director[setting]))
      .flatMap((setting) => LOST_KEYS[setting] ?? []),
    ...(differs(current.status, next.status) ? ["status"] : []),
  ];
  if (lost.length === 0) return;
  throw new OperatorError(`A running director cannot change ${lost.join(", ")}`, ExitCode.CONFIG, {
    remedy: "Restart it; its connections go on",
  });
}

/**
 * Refuses a configuration under which clients share a persistence template that belong to different workers.
 *
 * @param steeredBy What the workers share clients out by, which may be wider than the configuration in use.
 * @throws {OperatorError} If it makes the widest netmask of a family wider.
 */
export function refuseSplitTemplates(steeredBy: readonly SharingClients[], next: Config): void {
  if (next.director.workers === 1) return;
  for (const family of [4, 6] as const) {
    const bits = decidingBits(family, sharingOf(next));
    if (bits >= decidingBits(family, steeredBy)) continue;
    throw new OperatorError(
      `A running director with several workers cannot widen persistence.netmask to ${bits}: ` +
        "clients that would share a real server are spread over the workers already",
      ExitCode.CONFIG,
      { remedy: "Restart it; its connections go on" },
    );
  }
}

function sharingOf({ services }: Config): SharingClients[] {
  return services.map(({ vip, persistence }) => ({
    vip,
    persistenceMs: persistence?.timeoutMs ?? 0,
    persistencePrefix: persistence?.prefixLength ?? 0,
  }));
}

/**
 * Refuses VIPs that are on another interface than the one a director has opened for them.
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

/**
 * Refuses a configuration whose real servers are behind other interfaces than those a director has opened.
 *
 * @throws {OperatorError} If they are.
 */
export function refuseFurtherInterfaces(current: Attachment, next: Attachment): void {
  const isOpen = ({ index }: { readonly index: number }) =>
    current.interfaces.some((opened) => opened.index === index);
  const further = next.interfaces.find((link) => !isOpen(link));
  if (further === undefined) return;
  throw new OperatorError(
    `A running director cannot begin to use ${further.name}, where real servers would be`,
    ExitCode.CONFIG,
    { remedy: "Restart it; its connections go on" },
  );
}
