/**
 * What `lvsdr realserver` was asked for, and the host as it is against that.
 *
 * @module
 */

import { type Link, readDefaultRouteDevice, readLinks } from "../host/links.ts";
import { type AddressFamily } from "../model/ip_address.ts";
import type { Config, Method, Protocol } from "../model/config.ts";
import { type PortArgument, virtualAddressesFromArguments } from "./arguments.ts";
import { type Aim, type Choice, chooseMethod, requirementsOf } from "./choose_method.ts";
import { type HostState, observeHost } from "./host_state.ts";
import type { Requirement } from "./requirement.ts";
import { type StatusTask, statusTaskOf } from "./status_task.ts";
import {
  followTargets,
  locateTargets,
  type Target,
  type VirtualAddress,
  virtualAddressesFromConfig,
} from "./target.ts";

/** Where VIPs come from, and how to accept them. */
export interface TaskOptions {
  /** Path of the cluster configuration, or `null` if {@linkcode vips} name what to accept. */
  readonly config: string | null;
  readonly vips: readonly string[];
  /** Ports of the VIPs; only the redirect method needs them. */
  readonly ports: readonly PortArgument[];
  /** `null` means TCP. */
  readonly protocol: Protocol | null;
  /** `auto`: what the configuration says, else chosen by what the host has. */
  readonly method: Method | "auto";
  /** The only interface to harden; `null` means find it, and harden all where that is possible. */
  readonly interface: string | null;
}

export interface Task {
  readonly aim: Aim;
  /** `null` means: choose by what the host has. */
  readonly asked: Choice | null;
  /** The status port to open while the role holds the host; `null` means none. */
  readonly status: StatusTask | null;
}

/** What the host is at one moment, against what it must be. */
export interface Look {
  readonly choice: Choice;
  /** With the present names of their interfaces. */
  readonly targets: readonly Target[];
  readonly state: HostState;
  readonly requirements: readonly Requirement[];
}

/** Reads what has to be hardened, and by which method. */
export async function readTask(options: TaskOptions): Promise<Task> {
  const links = await readLinks();
  const config = options.config === null ? null : await loadClusterConfig(options.config);
  const addresses = config === null
    ? virtualAddressesFromArguments(options.vips, options.ports, options.protocol ?? "tcp")
    : virtualAddressesFromConfig(config, links);
  return {
    aim: await aimAt(addresses, links, options.interface),
    asked: askedChoice(options.method, "as asked for") ??
      askedChoice(config?.realserver.method ?? "auto", "as configured"),
    status: config === null ? null : statusTaskOf(config, links),
  };
}

/**
 * Finds the interfaces of virtual addresses; see {@linkcode locateTargets}.
 *
 * @param wantedDevice The only interface to harden, or `null`.
 * @throws {HostError} If there is no such interface.
 */
export async function aimAt(
  addresses: readonly VirtualAddress[],
  links: readonly Link[],
  wantedDevice: string | null,
): Promise<Aim> {
  const devices: Readonly<Record<AddressFamily, string | null>> = {
    4: await readDefaultRouteDevice(4),
    6: await readDefaultRouteDevice(6),
  };
  const targets = locateTargets(addresses, links, {
    wanted: wantedDevice,
    ofDefaultRoute: (version) => devices[version],
  });
  return { targets, wantedDevice, looseDevices: new Set() };
}

/**
 * Looks at the host.
 *
 * @param canAdminister Whether the process may read packet filter rules.
 */
export async function lookAtHost({ aim, asked }: Task, canAdminister: boolean): Promise<Look> {
  const links = await readLinks();
  const targets = followTargets(aim.targets, links);
  const present = {
    ...aim,
    targets,
    // The named interface is every target's.
    wantedDevice: aim.wantedDevice === null ? null : targets[0]?.device ?? aim.wantedDevice,
  };
  const state = await observeHost(links, { targets, method: asked?.method ?? null, canAdminister });
  const choice = asked ?? chooseMethod(state, present);
  return { choice, targets, state, requirements: requirementsOf(choice.method, state, present) };
}

async function loadClusterConfig(path: string): Promise<Config> {
  // Imported when needed: without -c the role should not pay for the YAML and schema libraries.
  const { loadConfig } = await import("../config/parse_config.ts");
  return await loadConfig(path);
}

function askedChoice(method: Method | "auto", reason: string): Choice | null {
  return method === "auto" ? null : { method, reason };
}
