/**
 * What a running director does when it is told to: take another configuration, or follow its interface.
 *
 * @module
 */

import { ConfigError } from "../config/config_error.ts";
import { loadConfig } from "../config/parse_config.ts";
import { checkInterface } from "../datapath/mod.ts";
import type { Journal } from "../host/journal.ts";
import { type Link, readLinks } from "../host/links.ts";
import { readRoutes } from "../host/routes.ts";
import { type Config, vipsOf } from "../model/config.ts";
import { counted } from "../model/counted.ts";
import type { Explanation } from "../model/explanation.ts";
import { ExitCode } from "../model/exit_code.ts";
import { inOneLine, OperatorError } from "../model/operator_error.ts";
import { attach, type Attachment, routedServers } from "./attachment.ts";
import type { DatapathSupervisor } from "./datapath_supervisor.ts";
import type { DirectRouting } from "./direct_routing.ts";
import type { Director } from "./director.ts";
import type { EventLog } from "./events.ts";
import { explainConnection } from "./explain.ts";
import { type QuestionWords, readQuestion } from "./explain_question.ts";
import type { Guard } from "./guard.ts";
import { attachmentChange } from "./interface_watch.ts";
import { disableOffloads } from "./offloads.ts";
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
  readonly guard: Guard;
  readonly events: EventLog;
}

export class RunningDirector {
  readonly #parts: RunningParts;
  #attachment: Attachment;
  /** Whether the datapath was stopped to be started anew, and is not yet. */
  #isDetached = false;
  /** What was last reported to be in the way of following an interface; empty if nothing is. */
  #unusable = "";
  /** Why frames of VLANs are kept away, as last reported; empty if they are not. */
  #closed = "";

  constructor(attachment: Attachment, parts: RunningParts) {
    this.#attachment = attachment;
    this.#parts = parts;
  }

  /** Where it is attached now. */
  get attachment(): Attachment {
    return this.#attachment;
  }

  /** Whether it works with interfaces as these, and has not said anything else. */
  isAttachedTo(links: readonly Link[]): boolean {
    return !this.#isDetached && this.#unusable === "" && attachmentChange(this.#attachment, links) === null;
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
      hasGuard: guard.hasRules,
      decide: (question) => supervisor.datapath.explain(question),
      lastCheckOf: (service, server) =>
        services.find(({ name }) => name === service)?.servers.find(({ address }) => address === server)
          ?.lastCheck ?? null,
    }, readQuestion(words));
  }

  /** Takes the configuration from its file again; one that cannot be used changes nothing. */
  async reload(): Promise<void> {
    const { configFile, director, routing, sentinel, supervisor, events } = this.#parts;
    try {
      const next = await loadConfig(configFile);
      refuseLostSettings(director.config, next);
      refuseSplitTemplates(supervisor.steeredBy, next);
      const attachment = await findAttachment(next, await readLinks());
      refuseOtherInterface(this.#attachment, attachment);
      refuseFurtherInterfaces(this.#attachment, attachment);
      const useRouting = await routing.prepare(next);
      const opened = await this.#prepareHost(next, attachment.name);
      useRouting();
      // Interfaces that it does not need any more stay open until one changes, so that their numbers stay.
      this.#attachment = { ...this.#attachment, uplinks: attachment.uplinks };
      director.reload(next, this.#attachment);
      sentinel.adopt(next);
      events.report("info", "config.loaded", `${configFile}: ${servicesText(next)}${openedText(opened)}`);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      const reason = error instanceof ConfigError ? error.summary : inOneLine(error);
      events.report("error", "config.refused", `The configuration in use stays: ${reason}`);
    }
  }

  /**
   * Changes what a reload has to change on the host.
   *
   * @returns Cards that have let everything in since.
   * @throws {OperatorError} If the host does not allow it; the kernel is kept away from the same VIPs as before then.
   */
  async #prepareHost({ services }: Config, device: string): Promise<string[]> {
    const { journal, director, guard } = this.#parts;
    await guard.cover({ vips: services });
    try {
      return await letVlansIn(journal, device, services);
    } catch (error) {
      await guard.cover({ vips: director.config.services });
      throw error;
    }
  }

  /**
   * Follows the interfaces, should one have changed: the datapath is started anew with those that are needed, as they
   * are now. While that cannot be used, the old one stays; should a new one fail to start, the next call tries again.
   *
   * @returns `null`, or the exit code of a director that cannot go on.
   */
  async followInterface(): Promise<ExitCode | null> {
    try {
      const links = await readLinks();
      const change = attachmentChange(this.#attachment, links);
      if (!this.#isDetached && change === null) {
        await this.#keepVlansIn();
        this.#reportUsable();
        return null;
      }
      if (change?.kind === "gone" && change.name === this.#attachment.name) {
        this.#parts.events.report("error", "interface.lost", change.message);
        return ExitCode.UNAVAILABLE;
      }
      await this.#follow(links, changeText(change, this.#attachment));
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.#reportUnusable(`The interfaces cannot be looked at: ${inOneLine(error)}`);
    }
    return null;
  }

  /** Lets frames of VLANs in that a card has begun to keep away. */
  async #keepVlansIn(): Promise<void> {
    const { journal, director, events } = this.#parts;
    try {
      const opened = await letVlansIn(journal, this.#attachment.name, director.config.services);
      this.#closed = "";
      if (opened.length === 0) return;
      const text = `Frames of VLANs were kept away${openedText(opened)}`;
      events.report("warning", "interface.opened", text);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      const reason = inOneLine(error);
      if (reason !== this.#closed) {
        events.report("error", "interface.closed", `Frames of VLANs are kept away: ${reason}`);
      }
      this.#closed = reason;
    }
  }

  /** @param text What has become of the interfaces. */
  async #follow(links: readonly Link[], text: string): Promise<void> {
    try {
      const attachment = await findAttachment(this.#parts.director.config, links);
      refuseOtherInterface(this.#attachment, attachment);
      if (!await this.#attachAnew(attachment)) return;
      this.#unusable = "";
      this.#parts.events.report("warning", "interface.changed", `${text}; its connections go on`);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.#reportUnusable(`${text}; that cannot be used yet: ${inOneLine(error)}`);
    }
  }

  /**
   * Starts the datapath anew, on interfaces that it may not have used before.
   *
   * @returns Whether that was done; it is not where the old one hangs.
   * @throws {OperatorError} If the host does not allow it; nothing is forwarded if the old datapath had ended by then.
   */
  async #attachAnew(attachment: Attachment): Promise<boolean> {
    const { journal, director, routing, supervisor, guard } = this.#parts;
    const names = attachment.interfaces.map(({ name }) => name);
    await guard.cover({ uplinks: names.slice(1) });
    if (director.config.director.offloads === "disable") await disableOffloads(journal, names);
    await routing.lookAgain();
    this.#isDetached = true;
    director.detached();
    if (!await supervisor.restart(attachment, () => director.successorTable(attachment))) return false;
    director.succeed(supervisor.datapath);
    this.#attachment = attachment;
    this.#isDetached = false;
    return true;
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

function changeText(
  change: ReturnType<typeof attachmentChange>,
  { name }: Attachment,
): string {
  if (change === null) return `${name}: as it was`;
  return change.kind === "gone" ? change.message : `${change.name}: ${change.message}`;
}

/** The services of a configuration in words. */
export function servicesText(config: Config): string {
  return config.services.map(({ name, servers }) => `${name} with ${counted(servers.length, "real server")}`)
    .join(", ");
}
