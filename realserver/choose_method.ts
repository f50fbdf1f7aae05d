/**
 * Which method `auto` means on this host. The choice is deterministic and comes with its reason.
 *
 * @module
 */

import { installCommand } from "../host/command.ts";
import { familyOf } from "../model/ip_address.ts";
import type { Method } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError, OperatorError } from "../model/operator_error.ts";
import type { HostState } from "./host_state.ts";
import { arptablesRequirements } from "./methods/arptables.ts";
import { clusterInterfaces } from "./methods/cluster_interfaces.ts";
import { loopbackRequirements } from "./methods/loopback.ts";
import { nftRequirements } from "./methods/nft.ts";
import { ipv6Enabled, nicsHolding } from "./methods/placement.ts";
import { redirectRequirements } from "./methods/redirect.ts";
import { reversePathRequirements } from "./methods/reverse_path.ts";
import { routeRequirements } from "./methods/route.ts";
import type { Requirement } from "./requirement.ts";
import type { Target } from "./target.ts";

/** What has to be hardened. */
export interface Aim {
  readonly targets: readonly Target[];
  /** The interface the operator named, or `null`. */
  readonly wantedDevice: string | null;
  /** Numbers of interfaces whose reverse path filter must not be strict, even where strict would do no harm. */
  readonly looseDevices: ReadonlySet<number>;
}

export interface Choice {
  readonly method: Method;
  /** For people, as the end of "method loopback: …". */
  readonly reason: string;
}

/** What a correct real server of a method requires of the host, in the order in which it is safe to make it so. */
export function requirementsOf(method: Method, state: HostState, aim: Aim): Requirement[] {
  assertPortsPossible(method, aim);
  return [
    ...clusterInterfaces(state, aim.targets),
    ...ipv6Enabled(state, aim.targets),
    ...reversePathRequirements(state, aim.targets, aim.looseDevices),
    ...methodRequirements(method, state, aim),
  ];
}

function methodRequirements(method: Method, state: HostState, aim: Aim): Requirement[] {
  switch (method) {
    case "loopback":
      return loopbackRequirements(state, aim.targets, aim.wantedDevice);
    case "arptables":
      return arptablesRequirements(state, aim.targets);
    case "nft":
      return nftRequirements(state, aim.targets);
    case "redirect":
      return redirectRequirements(state, aim.targets);
    case "route":
      return routeRequirements(state, aim.targets, aim.wantedDevice);
  }
}

/** Only connection tracking can give a packet another port. */
function assertPortsPossible(method: Method, aim: Aim): void {
  const translated = translatedBinding(aim);
  if (method === "redirect" || translated === undefined) return;
  const port = translated.ports[0]!.first;
  throw new OperatorError(
    `Cannot hand port ${port} to port ${translated.localPort} with method ${method}: only redirect translates ports`,
    ExitCode.USAGE,
    { remedy: "Use --method redirect, or let the server listen on the VIP's port" },
  );
}

function translatedBinding({ targets }: Aim): Target["bindings"][number] | undefined {
  return targets.flatMap(({ bindings }) => bindings).find(({ localPort }) => localPort !== null);
}

/**
 * Chooses a method: one that is in force already; else loopback, which needs no rules and no connection tracking;
 * else, where loopback cannot work, rules of nft or arptables. Redirect is never chosen for a host that has not got it:
 * it costs connection tracking, unless a port has to be translated, which nothing else can.
 *
 * @throws {HostError} If no method can work here.
 */
export function chooseMethod(state: HostState, aim: Aim): Choice {
  if (translatedBinding(aim) !== undefined) {
    return { method: "redirect", reason: "only it can translate a port" };
  }
  const inForce = possibleMethods(aim).find((method) =>
    methodRequirements(method, state, aim).every((requirement) => requirement.holds)
  );
  if (inForce !== undefined) return { method: inForce, reason: "it is in force already" };

  const obstacle = obstacleToLoopback(state, aim);
  if (obstacle === null) return { method: "loopback", reason: "it needs nothing but sysctls" };
  if (state.programs.has("nft")) return { method: "nft", reason: obstacle };
  if (state.programs.has("arptables") && possibleMethods(aim).includes("arptables")) {
    return { method: "arptables", reason: `${obstacle}, and nft is missing` };
  }
  throw new HostError(
    "--method auto",
    `No method works on this host: ${obstacle}, and neither nft nor arptables is installed`,
    ExitCode.UNAVAILABLE,
    { remedy: installCommand(["nft"]) },
  );
}

function possibleMethods({ targets }: Aim): Method[] {
  const ipv4 = targets.filter(({ vip }) => familyOf(vip) === 4);
  const haveOwnAddresses = ipv4.every(({ realServerAddress }) => realServerAddress !== null);
  const havePorts = targets.every(({ bindings }) => bindings.length > 0);
  return [
    "loopback",
    ...(haveOwnAddresses ? ["nft"] as const : []),
    ...(haveOwnAddresses && ipv4.length === targets.length ? ["arptables"] as const : []),
    ...(havePorts ? ["redirect"] as const : []),
    "route",
  ];
}

function obstacleToLoopback(state: HostState, { targets }: Aim): string | null {
  for (const { vip } of targets) {
    const nic = nicsHolding(state, vip)[0];
    if (nic !== undefined) return `${vip} is on ${nic} already, where sysctls cannot silence it`;
  }
  const needsSysctls = targets.some(({ vip }) => familyOf(vip) === 4);
  return state.areSysctlsWritable || !needsSysctls
    ? null
    : "sysctls are read-only here, as in most containers";
}
