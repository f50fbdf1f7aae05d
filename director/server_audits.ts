/**
 * Asks every real server now and then whether it would answer for its VIPs, and remembers what they said.
 *
 * @module
 */

import type { Config } from "../model/config.ts";
import { inOneLine, OperatorError } from "../model/operator_error.ts";
import type { AuditReport, AuditStatus, ServerAudit } from "../model/status_snapshot.ts";
import { Audit } from "../sentinel/audit.ts";
import { auditFinding, type ConfigFile, questionWord } from "../sentinel/finding.ts";
import { pickDecoys } from "../sentinel/probe_choice.ts";
import type { Vantage, Vantages } from "../sentinel/vantage.ts";
import { filterFor, Wire } from "../sentinel/wire.ts";
import type { EventLog } from "./events.ts";
import { Turns } from "./turns.ts";

/** Questions of one conversation, so that real servers are asked little by little. */
const MOST_QUESTIONS = 256;

/** Real servers that are asked for the same VIPs. */
interface Batch {
  readonly vantage: Vantage;
  readonly servers: readonly string[];
  readonly vips: readonly string[];
  /** Addresses they are asked for besides. */
  readonly decoys: readonly string[];
}

export class ServerAudits {
  readonly #events: EventLog;
  readonly #stopped = new AbortController();
  /** By real server and VIP. */
  readonly #statuses = new Map<string, AuditStatus>();
  /** Real servers and VIPs whose last clear verdict was `answers`. */
  readonly #exposed = new Set<string>();
  /** MACs by real server, which tell it from a host that answers for its address later. */
  readonly #macs = new Map<string, string>();
  /** By index and MAC of the interface. Opening one stops this thread for tens of milliseconds, so they stay open. */
  readonly #wires = new Map<string, Wire>();
  #file: ConfigFile;
  #vantages: readonly Vantage[] = [];
  /** Why the others cannot be asked, by real server. */
  #unseen: ReadonlyMap<string, OperatorError> = new Map();
  readonly #turns = new Turns();
  /** The round that has not begun yet. One at the most waits, however often others can be asked than before. */
  #pending: Promise<AuditReport> | null = null;

  constructor(file: ConfigFile, events: EventLog) {
    this.#file = file;
    this.#events = events;
  }

  /** Asks these real servers from now on; verdicts on others, and on those that nobody can ask, are forgotten. */
  adopt(file: ConfigFile, { vantages, unseen }: Vantages): void {
    this.#file = file;
    this.#vantages = vantages;
    this.#unseen = unseen;
    const places = file.config.services.flatMap(({ vip, servers }) =>
      servers.map(({ address }) => ({ address, key: keyOf(address, vip) }))
    );
    const wanted = new Set(places.map(({ key }) => key));
    const seen = new Set(places.filter(({ address }) => !unseen.has(address)).map(({ key }) => key));
    for (const key of this.#statuses.keys()) if (!seen.has(key)) this.#statuses.delete(key);
    for (const key of this.#exposed) if (!wanted.has(key)) this.#exposed.delete(key);
    const servers = new Set(places.map(({ address }) => address));
    for (const server of this.#macs.keys()) if (!servers.has(server)) this.#macs.delete(server);
    // Not under a conversation that is going on: libpcap would read from memory that is gone.
    void this.#turns.take(() => this.#closeUnused());
  }

  /** What a real server was last seen to do about a VIP; `null` if it was not asked yet, or cannot be. */
  statusOf(server: string, vip: string): AuditStatus | null {
    return this.#statuses.get(keyOf(server, vip)) ?? null;
  }

  /**
   * Asks all that can be asked, from now on: a round that has begun before may have missed what the caller knows of.
   * Whoever calls before it begins gets the same report.
   */
  auditAll(): Promise<AuditReport> {
    return this.#pending ??= this.#turns.take(() => {
      this.#pending = null;
      return this.#askAll();
    });
  }

  /** Ends whatever goes on. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#turns.idle;
    for (const key of [...this.#wires.keys()]) this.#close(key);
  }

  async #askAll(): Promise<AuditReport> {
    const cut = { audits: [], obstacles: [] };
    if (this.#stopped.signal.aborted) return cut;
    const audits: ServerAudit[] = [];
    const obstacles = new Set([...this.#unseen.values()].map(inOneLine));
    const unusable = new Set<Vantage>();
    for (const batch of batchesOf(this.#file.config, this.#vantages)) {
      const found = unusable.has(batch.vantage) ? null : await this.#ask(batch).catch((error: unknown) => {
        if (!(error instanceof OperatorError)) throw error;
        obstacles.add(inOneLine(error));
        unusable.add(batch.vantage);
        return null;
      });
      // A conversation that was cut short tells nothing.
      if (this.#stopped.signal.aborted) return cut;
      if (found === null) this.#forget(batch);
      // Nobody can ask some of them any more by now: that they were silent is no verdict.
      const valid = (found ?? []).filter(({ server }) => !this.#unseen.has(server));
      for (const verdict of valid) this.#conclude(verdict);
      audits.push(...valid);
    }
    return { audits, obstacles: [...obstacles] };
  }

  async #ask({ vantage, servers, vips, decoys }: Batch): Promise<ServerAudit[]> {
    const { link, senderAddress } = vantage;
    const key = wireKey(link);
    try {
      const wire = this.#wires.get(key) ?? Wire.open(link, filterFor([]));
      this.#wires.set(key, wire);
      // An answer of long ago would be taken for one of now.
      wire.skip();
      const audit = new Audit(wire, {
        ...{ servers, vips, senderAddress, asksEverybody: false },
        ...{ decoys, known: this.#macs },
      });
      await wire.converse([audit], this.#stopped.signal);
      return audit.verdicts;
    } catch (error) {
      this.#close(key);
      throw error;
    }
  }

  /** What was said once is no verdict on what nobody can look at now. */
  #forget({ servers, vips }: Batch): void {
    for (const server of servers) for (const vip of vips) this.#statuses.delete(keyOf(server, vip));
  }

  #closeUnused(): void {
    const links = new Set(this.#vantages.map(({ link }) => wireKey(link)));
    for (const key of [...this.#wires.keys()]) if (!links.has(key)) this.#close(key);
  }

  #close(key: string): void {
    this.#wires.get(key)?.[Symbol.dispose]();
    this.#wires.delete(key);
  }

  #conclude(audit: ServerAudit): void {
    const { server, vip, verdict, mac } = audit;
    const key = keyOf(server, vip);
    if (mac !== null) this.#macs.set(server, mac);
    this.#statuses.set(key, { verdict, at: new Date().toISOString() });
    if (verdict === "answers" && !this.#exposed.has(key)) {
      this.#exposed.add(key);
      const { problem, host, command } = auditFinding(audit, this.#file)!;
      this.#events.report("error", "realserver.exposed", `${problem} (on ${host}: ${command})`);
    } else if (verdict === "hardened" && this.#exposed.delete(key)) {
      this.#events.report(
        "info",
        "realserver.hardened",
        `${server} does not answer ${questionWord(vip)} for ${vip} any more`,
      );
    }
  }
}

function wireKey({ index, mac }: Vantage["link"]): string {
  return `${index} ${mac}`;
}

function keyOf(server: string, vip: string): string {
  return `${server} ${vip}`;
}

function batchesOf(config: Config, vantages: readonly Vantage[]): Batch[] {
  const vipsByServer = new Map<string, Set<string>>();
  for (const { vip, servers } of config.services) {
    for (const { address } of servers) {
      vipsByServer.set(address, (vipsByServer.get(address) ?? new Set()).add(vip));
    }
  }
  return vantages.flatMap((vantage) => {
    const decoys = pickDecoys(config, vantage);
    const wanted = vantage.servers.filter((server) => vipsByServer.has(server));
    const alike = Map.groupBy(wanted, (server) => [...vipsByServer.get(server)!].toSorted().join(" "));
    return [...alike].flatMap(([text, servers]) => {
      const vips = text.split(" ");
      const size = Math.max(1, Math.floor(MOST_QUESTIONS / (vips.length + decoys.length)));
      return Array.from(
        { length: Math.ceil(servers.length / size) },
        (_, part) => ({ vantage, vips, decoys, servers: servers.slice(part * size, (part + 1) * size) }),
      );
    });
  });
}
