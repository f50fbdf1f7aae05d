/**
 * What a running director does when it is told to: take another configuration, or follow its interface.
 *
 * @module
 */

import { loadConfig } from "../config/parse_config.ts";
import { readLinks } from "../host/links.ts";
import { readRoutes } from "../host/routes.ts";
import type { Config } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { attach, type Attachment, routedServers } from "./attachment.ts";
import type { DatapathSupervisor } from "./datapath_supervisor.ts";
import type { DirectRouting } from "./direct_routing.ts";
import type { Director } from "./director.ts";
import type { EventLog } from "./events.ts";
import { interfaceChange } from "./interface_watch.ts";
import type { KernelGuard } from "./kernel_guard.ts";
import { refuseLostSettings, refuseOtherInterface, refuseSplitTemplates } from "./reload.ts";
import type { WireSentinel } from "./wire_sentinel.ts";

export interface RunningParts {
  readonly configFile: string;
  readonly director: Director;
  readonly routing: DirectRouting;
  readonly sentinel: WireSentinel;
  readonly supervisor: DatapathSupervisor;
  /** `null` where there is none. */
  readonly guard: KernelGuard | null;
  readonly events: EventLog;
}

export class RunningDirector {
  readonly #parts: RunningParts;
  #attachment: Attachment;

  constructor(attachment: Attachment, parts: RunningParts) {
    this.#attachment = attachment;
    this.#parts = parts;
  }

  /** Where it is attached now. */
  get attachment(): Attachment {
    return this.#attachment;
  }

  /** Takes the configuration from its file again; one that cannot be used changes nothing. */
  async reload(): Promise<void> {
    const { configFile, director, routing, sentinel, guard, events } = this.#parts;
    try {
      const next = await loadConfig(configFile);
      refuseLostSettings(director.config, next);
      refuseSplitTemplates(director.config, next);
      refuseOtherInterface(this.#attachment, await findAttachment(next));
      const useRouting = await routing.prepare(next);
      await guard?.coverVips(vipsOf(next));
      useRouting();
      director.reload(next);
      await sentinel.adopt(next);
      events.report("info", "config.loaded", `${configFile}: ${servicesText(next)}`);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      events.report("error", "config.refused", `The configuration in use stays: ${inOneLine(error)}`);
    }
  }

  /** Keeps the kernel away from the addresses that health checks are made from, too. */
  async coverProbes(): Promise<void> {
    const { routing, guard, events } = this.#parts;
    try {
      await guard?.coverProbes(routing.probeAddresses);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      events.report("error", "guard.lost", `The rules of this host cannot be changed: ${inOneLine(error)}`);
    }
  }

  /**
   * Follows the interface, should it have changed: the datapath is started anew with what it is now.
   *
   * @returns `null`, or the exit code of a director that cannot go on.
   */
  async followInterface(): Promise<ExitCode | null> {
    const { director, routing, sentinel, supervisor, events } = this.#parts;
    const links = await readLinks();
    const change = interfaceChange(this.#attachment, links);
    if (change === null) return null;
    if (change.kind === "gone") {
      events.report("error", "interface.lost", change.message);
      return ExitCode.UNAVAILABLE;
    }
    const { name } = this.#attachment;
    events.report("warning", "interface.changed", `${name}: ${change.message}; its connections go on`);
    try {
      this.#attachment = await findAttachment(director.config);
      const { mac, mtu } = this.#attachment;
      // It has nobody to announce VIPs meanwhile.
      sentinel.close();
      await supervisor.restart(this.#attachment, () => director.successorTable());
      director.succeed(supervisor.datapath, { name, mac, mtu });
      await routing.lookAgain();
      await sentinel.open(name);
      return null;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      events.report("error", "interface.lost", `Interface "${name}" cannot be used: ${inOneLine(error)}`);
      return error.exitCode;
    }
  }
}

/**
 * Finds the interfaces for a configuration on this host.
 *
 * @throws {OperatorError} See {@linkcode attach}.
 */
export async function findAttachment(config: Config): Promise<Attachment> {
  return attach(config, await readLinks(), await readRoutes(routedServers(config)));
}

/** The VIPs of a configuration, each once. */
export function vipsOf(config: Config): string[] {
  return [...new Set(config.services.map(({ vip }) => vip))];
}

/** The services of a configuration in words. */
export function servicesText(config: Config): string {
  return config.services.map(({ name, servers }) => `${name} with ${servers.length} real servers`).join(", ");
}

function inOneLine({ message, remedy }: OperatorError): string {
  return remedy === null ? message : `${message} (${remedy})`;
}
