/**
 * Which real servers get no new connections because they take VIPs for themselves.
 *
 * @module
 */

import type { Config, RealServer, VirtualService } from "../model/config.ts";
import type { VirtualServiceStatus, WireAlarm } from "../model/status_snapshot.ts";
import type { EventLog } from "./events.ts";
import { serverKey } from "./forwarding.ts";

export class Quarantine {
  readonly #events: EventLog;
  #thieves: ReadonlySet<string> = new Set();
  /** Servers of services that could take connections at the last look. */
  #able: ReadonlySet<string> = new Set();
  /** Those that could not then, nor before. */
  #unfit: ReadonlySet<string> = new Set();
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
   * look is given until the next: its MAC may be asked for anew.
   *
   * @returns Whether others may be in quarantine now.
   */
  look(services: readonly VirtualServiceStatus[]): boolean {
    const servers = services.flatMap((service) =>
      service.servers.map((server) => ({
        key: serverKey(service, server),
        isAble: server.mac !== null && !server.isOverloaded,
      }))
    );
    const unfit = servers.filter(({ key, isAble }) => !isAble && !this.#able.has(key)).map(({ key }) => key);
    const before = this.#unfit;
    this.#unfit = new Set(unfit);
    this.#able = new Set(servers.filter(({ isAble }) => isAble).map(({ key }) => key));
    return this.#thieves.size > 0 && this.#unfit.symmetricDifference(before).size > 0;
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
        !this.#unfit.has(serverKey(service, other)) && isHealthy(other)
      );
  }

  /** Reports what has changed since the last time. */
  report(
    services: readonly VirtualService[],
    isHeld: (service: VirtualService, server: RealServer) => boolean,
  ): void {
    const held = new Set<string>();
    for (const service of services) {
      for (const server of service.servers) {
        if (isHeld(service, server)) held.add(serverKey(service, server));
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
      this.#events.report("info", "realserver.released", `${key} is in quarantine no more`);
    }
  }
}
