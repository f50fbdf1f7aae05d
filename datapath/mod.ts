/**
 * The datapath as the control plane sees it: a Worker that forwards frames by the table it was given last.
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
import { macFromText } from "../model/ip_address.ts";
import { OperatorError } from "../model/operator_error.ts";
import { type CounterSnapshot, createCounters, readCounters } from "./counters.ts";
import { openLibc } from "./ffi/libc.ts";
import { openLibpcap } from "./ffi/libpcap.ts";
import { WakeUp } from "./ffi/wake_up.ts";
import {
  Control,
  type ForwardingTableData,
  type FromDatapath,
  type StartData,
  type ToDatapath,
} from "./messages.ts";

export type { CounterSnapshot, DestinationCounters } from "./counters.ts";
export type {
  Adoption,
  DestinationData,
  ForwardingTableData,
  FromDatapath,
  InterfaceAddress,
  ServiceData,
} from "./messages.ts";
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

/** What a datapath needs to start, apart from the memory it shares with its owner. */
export type DatapathOptions = Omit<StartData, "counters" | "control" | "wakeFd" | "mac"> & {
  /** `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string;
};

/** What a running datapath reports. */
export type DatapathEvent = Exclude<FromDatapath, { kind: "stopped" }>;

export class Datapath {
  readonly #worker: Worker;
  readonly #control = new SharedArrayBuffer(Control.BYTES);
  readonly #words = new Int32Array(this.#control);
  readonly #counters = createCounters();
  readonly #wakeUp = new WakeUp();
  readonly #onEvent: (event: DatapathEvent) => void;
  readonly #stopped = Promise.withResolvers<void>();
  #generation: number;
  #destinationCount: number;
  /** The last counters that were of the last table. */
  #counted: CounterSnapshot;

  private constructor(options: DatapathOptions, onEvent: (event: DatapathEvent) => void) {
    this.#onEvent = onEvent;
    this.#generation = options.table.generation;
    this.#destinationCount = countDestinations(options.table);
    this.#counted = readCounters(this.#counters, this.#destinationCount);
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "datapath" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromDatapath>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      onEvent({ kind: "fault", message: event.message, remedy: null, exitCode: null });
      this.#stopped.resolve();
    };
    this.#post({
      kind: "start",
      start: {
        ...options,
        mac: macFromText(options.mac),
        counters: this.#counters,
        wakeFd: this.#wakeUp.fd,
        control: this.#control,
      },
    });
  }

  /**
   * Starts forwarding.
   *
   * @param onEvent Called for everything the datapath reports, also while this function runs.
   * @throws {OperatorError} If the host lacks something the datapath needs.
   */
  static start(options: DatapathOptions, onEvent: (event: DatapathEvent) => void): Promise<Datapath> {
    const { promise, resolve, reject } = Promise.withResolvers<Datapath>();
    let isStarted = false;
    const datapath: Datapath = new Datapath(options, (event) => {
      if (event.kind === "fault" && !isStarted) {
        datapath.stop().then(() => reject(faultError(event)));
        return;
      }
      if (event.kind === "started") {
        isStarted = true;
        resolve(datapath);
      }
      onEvent(event);
    });
    return promise;
  }

  /** Replaces the forwarding table between two breaths. Connections stay. */
  replaceTable(table: ForwardingTableData): void {
    this.#generation = table.generation;
    this.#destinationCount = countDestinations(table);
    this.#post({ kind: "table", table });
    Atomics.add(this.#words, Control.MAILBOX, 1);
    this.#wakeUp.signal();
  }

  /** Generation of the table last given. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Totals so far, at most a tick old. Their destinations are those of the table whose generation they bear, which
   * for a moment may be the one before the last.
   */
  counters(): CounterSnapshot {
    const counters = readCounters(this.#counters, this.#destinationCount);
    if (counters.generation === this.#generation) this.#counted = counters;
    return this.#counted;
  }

  /** A number that rises while the datapath is alive, about ten times a second. */
  heartbeat(): number {
    return Atomics.load(this.#words, Control.HEARTBEAT);
  }

  /** Stops forwarding; resolves when the interface has been let go. Idempotent. */
  async stop(): Promise<void> {
    Atomics.store(this.#words, Control.STOP, 1);
    this.#wakeUp.signal();
    await this.#stopped.promise;
    this.#worker.terminate();
    this.#wakeUp.close();
  }

  #receive(message: FromDatapath): void {
    if (message.kind === "stopped") this.#stopped.resolve();
    else this.#onEvent(message);
  }

  #post(message: ToDatapath): void {
    this.#worker.postMessage(message);
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

function countDestinations(table: ForwardingTableData): number {
  return table.services.reduce((count, { destinations }) => count + destinations.length, 0);
}
