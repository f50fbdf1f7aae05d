/**
 * The datapath as the control plane sees it: one or several Workers that forward frames by the table they were given
 * last, each those of its own clients.
 *
 * @example
 * ```ts
 * import { Datapath } from "./mod.ts";
 *
 * const datapath = await Datapath.start(options, (event) => log(event));
 * datapath.replaceTable({ generation: 2, services });
 * datapath.counters(); // what it has done so far
 * await datapath.stop();
 * ```
 *
 * @module
 */

import type { ExitCode } from "../model/exit_code.ts";
import type { Decision, ExplainQuestion } from "../model/explanation.ts";
import { addressWords, familyOf, type Mac, macFromText } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { type DatapathCounters, EMPTY_COUNTERS, sumCounters } from "./counters.ts";
import { requireIpv6 } from "./ffi/group_membership.ts";
import { openLibc } from "./ffi/libc.ts";
import { openLibpcap } from "./ffi/libpcap.ts";
import type {
  Adoption,
  ForwardingTableData,
  FromDatapath,
  InterfaceData,
  LoadCellsOfTable,
} from "./messages.ts";
import { createSharedLoads, LoadCells } from "./shared_loads.ts";
import { type Steering, steeringFor, workerOf } from "./steering.ts";
import { WorkerHandle, type WorkerReport, type WorkerStart } from "./worker_handle.ts";

export { EMPTY_COUNTERS } from "./counters.ts";
export type { DatapathCounters, DestinationCounters, WorkerCounters } from "./counters.ts";
export type {
  Adoption,
  DestinationData,
  ForwardingTableData,
  FromDatapath,
  InterfaceAddress,
  ServiceData,
} from "./messages.ts";
export { decidingBits, type SharingClients } from "./steering.ts";
export { VERDICTS } from "./verdict.ts";

/**
 * Looks whether the C libraries are there.
 *
 * @throws {LibraryError} If one is missing.
 */
export function checkLibraries(): void {
  openLibc().close();
  openLibpcap().close();
}

/**
 * Looks whether an interface can have these VIPs.
 *
 * @throws {HostError} If some of them are IPv6 addresses and it has no IPv6.
 */
export function checkInterface(device: string, vips: readonly string[]): void {
  if (!vips.some((vip) => familyOf(vip) === 6)) return;
  const libc = openLibc();
  try {
    requireIpv6(libc, device);
  } finally {
    libc.close();
  }
}

/** An interface to use. */
export type InterfaceOptions = Omit<InterfaceData, "mac"> & {
  /** `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string;
};

/** What a datapath needs to start. */
export type DatapathOptions = Omit<WorkerStart, "mac" | "uplinks" | "share" | "cells"> & InterfaceOptions & {
  /** Further interfaces that real servers are reached by. */
  readonly uplinks: readonly InterfaceOptions[];
  /** How many Workers there are, at least one. */
  readonly workers: number;
  /** CPU that each is bound to; `null` means none is bound. */
  readonly cpus: readonly number[] | null;
};

/** What a running datapath reports. */
export type DatapathEvent = WorkerReport;

type Started = Extract<FromDatapath, { kind: "started" }>;

export class Datapath {
  readonly #workers: WorkerHandle[] = [];
  /** The last table each Worker has reported to use. */
  readonly #applied: number[] = [];
  readonly #cells = new LoadCells();
  readonly #onEvent: (event: DatapathEvent) => void;
  #steering: Steering | null = null;
  #generation: number;
  #destinationCount: number;
  /** The last counters that were of the last table in every Worker. */
  #counted: DatapathCounters = EMPTY_COUNTERS;

  private constructor(table: ForwardingTableData, onEvent: (event: DatapathEvent) => void) {
    this.#onEvent = onEvent;
    this.#generation = table.generation;
    this.#destinationCount = countDestinations(table);
  }

  /**
   * Starts forwarding.
   *
   * @param onEvent Called for everything the datapath reports, also while this function runs.
   * @throws {OperatorError} If the host lacks something the datapath needs.
   */
  static async start(options: DatapathOptions, onEvent: (event: DatapathEvent) => void): Promise<Datapath> {
    const datapath = new Datapath(options.table, onEvent);
    try {
      await datapath.#startWorkers(options);
    } catch (error) {
      await datapath.stop();
      throw error;
    }
    return datapath;
  }

  /**
   * Replaces the forwarding table between two breaths. Connections stay.
   *
   * @throws {OperatorError} If it has too many real servers; the one before stays in use.
   */
  replaceTable(table: ForwardingTableData): void {
    const cells = this.#cellsOf(table);
    this.#generation = table.generation;
    this.#destinationCount = countDestinations(table);
    for (const worker of this.#workers) worker.post({ kind: "table", table, cells });
  }

  /** Announces a VIP once, with the next tick. */
  announce(vip: string): void {
    this.#workers[0]?.post({ kind: "announce", vip });
  }

  /**
   * What would become of the first packet of a connection; nothing changes by that.
   *
   * @throws {OperatorError} If the datapath is stopped before it can answer.
   */
  async explain(question: ExplainQuestion): Promise<Decision> {
    const number = workerOf(Uint32Array.from(addressWords(question.client)), this.#steering!);
    const decision = await this.#workers[number]!.explain(question);
    if (number === 0) return decision;
    // The real servers answer to the first Worker only.
    const { servers } = await this.#workers[0]!.explain(question);
    const ages = new Map(servers.map(({ address, macAgeMs }) => [address, macAgeMs]));
    return {
      ...decision,
      servers: decision.servers.map((server) => ({ ...server, macAgeMs: ages.get(server.address) ?? null })),
    };
  }

  /** Generation of the table last given. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Totals so far, at most a tick old. Their destinations are those of the table whose generation they bear, which
   * for a moment may be the one before the last.
   */
  counters(): DatapathCounters {
    const each = this.#workers.map((worker) => worker.counters(this.#destinationCount));
    if (each.every(({ generation }) => generation === this.#generation)) this.#counted = sumCounters(each);
    return this.#counted;
  }

  /** Of each Worker a number that rises while it is alive, about ten times a second. */
  heartbeats(): readonly number[] {
    return this.#workers.map(({ heartbeat }) => heartbeat);
  }

  /** Stops forwarding; resolves when the interface has been let go. Idempotent. */
  async stop(): Promise<void> {
    // As soon as one has let go of the interface, the others would get its clients' frames, and refuse them.
    await Promise.all(this.#workers.map((worker) => worker.halt()));
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  /** One after the other: the kernel numbers them in the order they come, and they share one file (table_file.ts). */
  async #startWorkers({ workers, cpus, ...options }: DatapathOptions): Promise<void> {
    const start = { ...withMac(options), uplinks: options.uplinks.map(withMac) };
    const steering = steeringFor(workers, start.table.services, start.hashKey);
    this.#steering = steering;
    const loads = workers === 1 ? null : createSharedLoads(workers);
    const cells = this.#cellsOf(start.table);
    const started: Started[] = [];
    for (let number = 0; number < workers; number++) {
      const share = {
        number,
        steering,
        groups: started[0]?.groups ?? null,
        cpu: cpus?.[number] ?? null,
        loads,
      };
      started.push(await this.#startWorker(number, { ...start, share, cells }));
    }
    this.#onEvent({ ...started[0]!, adoption: adoptionOfAll(started.map(({ adoption }) => adoption)) });
    for (const worker of this.#workers) worker.forward();
  }

  #startWorker(number: number, start: WorkerStart): Promise<Started> {
    const { promise, resolve, reject } = Promise.withResolvers<Started>();
    let hasStarted = false;
    this.#applied.push(0);
    this.#workers.push(
      new WorkerHandle(start, (message) => {
        if (message.kind === "started") {
          hasStarted = true;
          resolve(message);
        } else if (message.kind === "fault" && !hasStarted) {
          reject(faultError(message));
        } else {
          this.#receive(number, message);
        }
      }),
    );
    return promise;
  }

  #receive(number: number, message: DatapathEvent): void {
    if (message.kind === "applied") {
      const before = Math.min(...this.#applied);
      this.#applied[number] = message.generation;
      // Every Worker goes through every table: the slowest one decides.
      if (Math.min(...this.#applied) === before) return;
    } else if (message.kind === "neighborLearnt" || message.kind === "neighborLost") {
      const { address, vlan } = message;
      const mac = message.kind === "neighborLearnt" ? message.mac : null;
      for (const worker of this.#workers.slice(1)) worker.post({ kind: "neighbor", address, vlan, mac });
    }
    this.#onEvent(message);
  }

  #cellsOf({ services }: ForwardingTableData): LoadCellsOfTable {
    return this.#cells.of(
      services.map(({ name, vip, protocol, destinations }) =>
        destinations.map(({ address }) => `${name} ${vip} ${protocol} ${address}`)
      ),
    );
  }
}

/** The error that a fault at start stands for. */
export function faultError(fault: Extract<FromDatapath, { kind: "fault" }>): Error {
  if (fault.exitCode === null) return new Error(`The datapath failed: ${fault.message}`);
  return new OperatorError(
    fault.message,
    fault.exitCode as ExitCode,
    fault.remedy === null ? {} : { remedy: fault.remedy },
  );
}

/** What became of the earlier table, of which each Worker has taken its part. */
function adoptionOfAll(adoptions: readonly Adoption[]): Adoption {
  const connections = adoptions.reduce(
    (sum, adoption) => adoption.kind === "adopted" ? sum + adoption.connections : sum,
    0,
  );
  return adoptions[0]!.kind === "adopted" ? { kind: "adopted", connections } : adoptions[0]!;
}

function withMac<T extends { readonly mac: string }>(options: T): Omit<T, "mac"> & { readonly mac: Mac } {
  return { ...options, mac: macFromText(options.mac) };
}

function countDestinations(table: ForwardingTableData): number {
  return table.services.reduce((count, { destinations }) => count + destinations.length, 0);
}
