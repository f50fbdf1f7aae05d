/**
 * Which method `auto` means on this host. The choice is deterministic and comes with its reason.
 *
 * @module
 */

import type { Method } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import type { HostState } from "./host_state.ts";
import { arptablesRequirements } from "./methods/arptables.ts";
import { loopbackRequirements } from "./methods/loopback.ts";
import { nftRequirements } from "./methods/nft.ts";
import { nicsHolding } from "./methods/placement.ts";
import { redirectRequirements } from "./methods/redirect.ts";
import type { Requirement } from "./requirement.ts";
import type { Target } from "./target.ts";

/** What has to be hardened. */
export interface Aim {
  readonly targets: readonly Target[];
  /** The interface the operator named, or `null`. */
  readonly wantedDevice: string | null;
}

export interface Choice {
  readonly method: Method;
  /** For people, as the end of "method loopback: …". */
  readonly reason: string;
}

/** What a method requires of the host, in the order in which it is safe to make it so. */
export function requirementsOf(method: Method, state: HostState, aim: Aim): Requirement[] {
  switch (method) {
    case "loopback":
      return loopbackRequirements(state, aim.targets, aim.wantedDevice);
    case "arptables":
      return arptablesRequirements(state, aim.targets);
    case "nft":
      return nftRequirements(state, aim.targets);
    case "redirect":
      return redirectRequirements(state, aim.targets);
  }
}

/**
 * Chooses a method: one that is in force already; else loopback, which needs no rules and no connection tracking;
 * else, where loopback cannot work, rules of nft or arptables. Redirect is never chosen for a host that has not got it:
 * it costs connection tracking.
 *
 * @throws {HostError} If no method can work here.
 */
export function chooseMethod(state: HostState, aim: Aim): Choice {
  const inForce = possibleMethods(aim).find((method) =>
    requirementsOf(method, state, aim).every((requirement) => requirement.holds)
  );
  if (inForce !== undefined) return { method: inForce, reason: "it is in force already" };

  const obstacle = obstacleToLoopback(state, aim);
  if (obstacle === null) return { method: "loopback", reason: "it needs nothing but sysctls" };
  if (state.programs.has("nft")) return { method: "nft", reason: obstacle };
  if (state.programs.has("arptables")) {
    return { method: "arptables", reason: `${obstacle}, and nft is missing` };
  }
  throw new HostError(
    "--method auto",
    `No method works on this host: ${obstacle}, and neither nft nor arptables is installed`,
    ExitCode.UNAVAILABLE,
    { remedy: "apt-get install nftables" },
  );
}

function possibleMethods({ targets }: Aim): Method[] {
  const haveOwnAddresses = targets.every(({ realServerAddress }) => realServerAddress !== null);
  const havePorts = targets.every(({ bindings }) => bindings.length > 0);
  return [
    "loopback",
    ...(haveOwnAddresses ? ["nft", "arptables"] as const : []),
    ...(havePorts ? ["redirect"] as const : []),
  ];
}

function obstacleToLoopback(state: HostState, { targets }: Aim): string | null {
  for (const { vip } of targets) {
    const nic = nicsHolding(state, vip)[0];
    if (nic !== undefined) return `${vip} is on ${nic} already, where sysctls cannot silence it`;
  }
  return state.areSysctlsWritable ? null : "sysctls are read-only here, as in most containers";
}
