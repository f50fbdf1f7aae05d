/**
 * What a running director does when it is told to: take another configuration, or follow its interface.
 *
 * @module
 */

import { loadConfig } from "../config/parse_config.ts";
import { checkInterface } from "../datapath/mod.ts";
import type { Journal } from "../host/journal.ts";
import { type Link, readLinks } from "../host/links.ts";
import { readRoutes } from "../host/routes.ts";
import type { Config } from "../model/config.ts";
import type { Explanation } from "../model/explanation.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { attach, type Attachment, routedServers } from "./attachment.ts";
import type { DatapathSupervisor } from "./datapath_supervisor.ts";
import type { DirectRouting } from "./direct_routing.ts";
import type { Director } from "./director.ts";
import type { EventLog } from "./events.ts";
import { explainConnection } from "./explain.ts";
import { type QuestionWords, readQuestion } from "./explain_question.ts";
import { attachmentChange } from "./interface_watch.ts";
import type { KernelGuard } from "./kernel_guard.ts";
import {
  refuseFurtherInterfaces,
  refuseLostSettings,
  refuseOtherInterface,
  refuseSplitTemplates,
} from "./reload.ts";
import { letVlansIn, openedText } from "./vlan_filter.ts";
import type { WireSentinel } from "./wire_sentinel.ts";

export interface RunningParts {
  readonly configFile: string;
  readonly journal: Journal;
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
  /** Whether the datapath was stopped to be started anew, and is not yet. */
  #isDetached = false;
  /** What was last reported to be in the way of following an interface; empty if nothing is. */
  #unusable = "";

  constructor(attachment: Attachment, parts: RunningParts) {
    this.#attachment = attachment;
    this.#parts = parts;
  }

  /** Where it is attached now. */
  get attachment(): Attachment {
    return this.#attachment;
  }

  /** Whether it works with interfaces as these. */
  isAttachedTo(links: readonly Link[]): boolean {
    return !this.#isDetached && attachmentChange(this.#attachment, links) === null;
  }

  /**
   * What it would do with the first packet of a connection.
   *
   * @throws {OperatorError} If the question is none, or cannot be answered now.
   */
  explain(words: QuestionWords): Promise<Explanation> {
    const { director, supervisor, guard } = this.#parts;
    const { services } = director.snapshot();
    return explainConnection({
      config: director.config,
      interfaces: [this.#attachment.name, ...this.#attachment.interfaces.slice(1).map(({ name }) => name)],
      hasGuard: guard !== null,
      decide: (question) => supervisor.datapath.explain(question),
      lastCheckOf: (service, server) =>
        services.find(({ name }) => name === service)?.servers.find(({ address }) => address === server)
          ?.lastCheck ?? null,
    }, readQuestion(words));
  }

  /** Takes the configuration from its file again; one that cannot be used changes nothing. */
  async reload(): Promise<void> {
    const { configFile, journal, director, routing, sentinel, supervisor, guard, events } = this.#parts;
    try {
      const next = await loadConfig(configFile);
      refuseLostSettings(director.config, next);
      refuseSplitTemplates(supervisor.steeredBy, next);
      const attachment = await findAttachment(next, await readLinks());
      refuseOtherInterface(this.#attachment, attachment);
      refuseFurtherInterfaces(this.#attachment, attachment);
      const useRouting = await routing.prepare(next);
      const opened = await letVlansIn(journal, attachment.name, next.services);
      await guard?.coverVips(next.services);
      useRouting();
      // Interfaces that it does not need any more stay open, so that their numbers stay.
      this.#attachment = { ...this.#attachment, uplinks: attachment.uplinks };
      director.reload(next, this.#attachment);
      await sentinel.adopt(next);
      events.report("info", "config.loaded", `${configFile}: ${servicesText(next)}${openedText(opened)}`);
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
   * Follows the interfaces, should one have changed: the datapath is started anew with what it is now. While that
   * cannot be used, the old one stays; should a new one fail to start, the next call tries again.
   *
   * @returns `null`, or the exit code of a director that cannot go on.
   */
  async followInterface(): Promise<ExitCode | null> {
    const { director, routing, sentinel, supervisor, guard, events } = this.#parts;
    const links = await readLinks();
    const change = attachmentChange(this.#attachment, links);
    if (this.isAttachedTo(links)) {
      this.#reportUsable();
      return null;
    }
    if (change?.kind === "gone") {
      events.report("error", "interface.lost", change.message);
      return ExitCode.UNAVAILABLE;
    }
    const text = change === null
      ? `${this.#attachment.name}: as it was`
      : `${change.name}: ${change.message}`;
    try {
      const attachment = await findAttachment(director.config, links);
      refuseOtherInterface(this.#attachment, attachment);
      await guard?.coverUplinks(attachment.interfaces.slice(1).map(({ name }) => name));
      // It has nobody to announce VIPs meanwhile.
      sentinel.close();
      this.#isDetached = true;
      const successor = () => director.successorTable(attachment);
      if (!await supervisor.restart(attachment, successor)) return null;
      director.succeed(supervisor.datapath);
      await routing.lookAgain();
      await sentinel.open(attachment.name);
      this.#attachment = attachment;
      this.#isDetached = false;
      this.#unusable = "";
      events.report("warning", "interface.changed", `${text}; its connections go on`);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.#reportUnusable(`${text}; that cannot be used yet: ${inOneLine(error)}`);
    }
    return null;
  }

  #reportUnusable(message: string): void {
    if (message !== this.#unusable) this.#parts.events.report("error", "interface.unusable", message);
    this.#unusable = message;
  }

  #reportUsable(): void {
    if (this.#unusable === "") return;
    this.#unusable = "";
    this.#parts.events.report("info", "interface.usable", "The interfaces are again what they were");
  }
}

/**
 * Finds the interfaces for a configuration on this host.
 *
 * @param links Those of this host.
 * @throws {OperatorError} See {@linkcode attach} and {@linkcode checkInterface}.
 */
export async function findAttachment(config: Config, links: readonly Link[]): Promise<Attachment> {
  const attachment = attach(config, links, await readRoutes(routedServers(config)));
  checkInterface(attachment.name, vipsOf(config));
  return attachment;
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
