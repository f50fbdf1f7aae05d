/**
 * Which real servers get no new connections because they take VIPs for themselves.
 *
 * @module
 */

import type { Config, RealServer, VirtualService } from "../model/config.ts";
import type { VirtualServiceStatus, WireAlarm } from "../model/status_snapshot.ts";
import type { EventLog } from "./events.ts";
import { serverKey, type Standing } from "./forwarding.ts";

/** Looks in a row at which a server that had no MAC or no room must have them before it counts again. */
const LOOKS_TO_TRUST = 10;

/** What is known of a server that could take connections, or cannot. */
interface Fitness {
  /** Whether it could at the last look. */
  readonly isAble: boolean;
  /** Looks in a row with that result. */
  readonly inARow: number;
  /** Whether it counts as one that can. */
  readonly isFit: boolean;
  /** Whether it ever did. */
  readonly hasBeenFit: boolean;
}

export class Quarantine {
  readonly #events: EventLog;
  #thieves: ReadonlySet<string> = new Set();
  /** Servers of services that have been looked at. */
  #fitness: ReadonlyMap<string, Fitness> = new Map();
  /** Servers of services that have been reported to be in quarantine. */
  readonly #reported = new Set<string>();

  constructor(events: EventLog) {
    this.#events = events;
  }

  /**
   * Takes the alarms that stand.
   *
   * @returns Whether others are in quarantine now.
   */
  adopt({ director }: Config, alarms: readonly WireAlarm[]): boolean {
    const before = this.#thieves;
    const servers = alarms.flatMap(({ realServer }) => realServer === null ? [] : [realServer]);
    this.#thieves = new Set(director.quarantine ? servers : []);
    return this.#thieves.symmetricDifference(before).size > 0;
  }

  /**
   * Looks which servers could take the connections of others: those with a MAC and with room. One that could at the last
   * look is given until the next: its MAC may be asked for anew. One that could not must be able to for a while, so that
   * nobody goes into quarantine and out with every connection of it.
   *
   * @returns Whether others may be in quarantine now.
   */
  look(services: readonly VirtualServiceStatus[]): boolean {
    const before = this.#fitness;
    this.#fitness = new Map(services.flatMap((service) =>
      service.servers.map((server) => {
        const key = serverKey(service, server);
        return [key, fitness(before.get(key), server.mac !== null && !server.isOverloaded)];
      })
    ));
    return this.#thieves.size > 0 && unfitIn(this.#fitness).symmetricDifference(unfitIn(before)).size > 0;
  }

  /**
   * Whether a server of a service is kept out. It is not if nobody else could serve: a VIP that is stolen now and then
   * is better than one that nobody answers at.
   *
   * @param isHealthy Whether a server of the service passes its checks.
   */
  holds(service: VirtualService, server: RealServer, isHealthy: (server: RealServer) => boolean): boolean {
    return this.#thieves.has(server.address) &&
      service.servers.some((other) =>
        other.weight > 0 && !this.#thieves.has(other.address) &&
        (this.#fitness.get(serverKey(service, other))?.isFit ?? true) && isHealthy(other)
      );
  }

  /** Reports what has changed since the last time. */
  report(
    services: readonly VirtualService[],
    stateOf: (service: VirtualService, server: RealServer) => Standing["state"],
  ): void {
    const held = new Set<string>();
    // Those that still take VIPs, with the names of their services.
    const spared = new Map<string, string>();
    for (const service of services) {
      for (const server of service.servers) {
        const key = serverKey(service, server);
        const state = stateOf(service, server);
        if (state === "quarantined") held.add(key);
        else if (!this.#thieves.has(server.address)) continue;
        else if (state === "up" && server.weight > 0) spared.set(key, service.name);
        // One that is down gets none either: it has not been released.
        else if (this.#reported.has(key)) held.add(key);
      }
    }
    for (const key of held.difference(this.#reported)) {
      this.#reported.add(key);
      this.#events.report(
        "error",
        "realserver.quarantined",
        `${key} gets no new connections until it leaves the VIPs alone`,
      );
    }
    for (const key of this.#reported.difference(held)) {
      this.#reported.delete(key);
      const service = spared.get(key);
      if (service === undefined) {
        this.#events.report("info", "realserver.released", `${key} is in quarantine no more`);
      } else {
        this.#events.report(
          "warning",
          "realserver.released",
          `${key} gets new connections again, although it still takes VIPs: no other server of ${service} can`,
        );
      }
    }
  }
}

/** @param before What was known at the last look. */
function fitness(before: Fitness | undefined, isAble: boolean): Fitness {
  const inARow = before?.isAble === isAble ? before.inARow + 1 : 1;
  const hasBeenFit = before?.hasBeenFit ?? false;
  const wasFit = before?.isFit ?? false;
  const isFit = isAble ? wasFit || !hasBeenFit || inARow >= LOOKS_TO_TRUST : wasFit && inARow === 1;
  return { isAble, inARow, isFit, hasBeenFit: hasBeenFit || isFit };
}

function unfitIn(servers: ReadonlyMap<string, Fitness>): Set<string> {
  return new Set([...servers].filter(([, { isFit }]) => !isFit).map(([key]) => key));
}
