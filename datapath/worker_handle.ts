/**
 * One Worker of a datapath as the control plane holds it: the thread, the memory it shares with it, and what wakes it.
 *
 * @module
 */

import type { Decision, ExplainQuestion } from "../model/explanation.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { type CounterSnapshot, createCounters, readCounters } from "./counters.ts";
import { WakeUp } from "./ffi/wake_up.ts";
import { Control, type FromDatapath, type StartData, type ToDatapath } from "./messages.ts";

/** What a Worker needs to start, apart from the memory it shares with its owner. */
export type WorkerStart = Omit<StartData, "counters" | "control" | "wakeFd">;

/** What a Worker reports unasked, apart from its end. */
export type WorkerReport = Exclude<FromDatapath, { kind: "explained" | "halted" | "stopped" }>;

export class WorkerHandle {
  readonly #worker: Worker;
  readonly #control = new SharedArrayBuffer(Control.BYTES);
  readonly #words = new Int32Array(this.#control);
  readonly #counters = createCounters();
  readonly #wakeUp = new WakeUp();
  readonly #halted = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  /** Questions under way, by number. */
  readonly #asked = new Map<number, PromiseWithResolvers<Decision>>();
  #questions = 0;
  #hasEnded = false;
  #isForwarding = false;

  /**
   * Starts the thread, which opens what it needs and reports `started`, or a fault.
   *
   * @param onReport Called from then on.
   */
  constructor(start: WorkerStart, onReport: (report: WorkerReport) => void) {
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "datapath" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromDatapath>) => {
      if (data.kind === "halted") this.#hasHalted();
      else if (data.kind === "explained") this.#answered(data.number, data.decision);
      else if (data.kind === "stopped") this.#stopped.resolve();
      else onReport(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      onReport({ kind: "fault", message: event.message, remedy: null, exitCode: null });
      this.#hasHalted();
      this.#stopped.resolve();
    };
    this.#send({
      kind: "start",
      start: { ...start, counters: this.#counters, control: this.#control, wakeFd: this.#wakeUp.fd },
    });
  }

  /** Makes a Worker that has started forward frames. */
  forward(): void {
    this.#isForwarding = true;
    this.#send({ kind: "forward" });
  }

  /** Gives it a message, which it reads between two breaths. */
  post(message: Exclude<ToDatapath, { kind: "start" | "forward" | "close" }>): void {
    this.#send(message);
    Atomics.add(this.#words, Control.MAILBOX, 1);
    this.#wakeUp.signal();
  }

  /**
   * What it would do with the first packet of a connection.
   *
   * @throws {OperatorError} If it halts before it can answer.
   */
  explain(question: ExplainQuestion): Promise<Decision> {
    if (this.#hasEnded) return Promise.reject(stopped());
    const asked = Promise.withResolvers<Decision>();
    this.#questions += 1;
    this.#asked.set(this.#questions, asked);
    this.post({ kind: "explain", number: this.#questions, question });
    return asked.promise;
  }

  /** Totals so far, at most a tick old. */
  counters(destinationCount: number): CounterSnapshot {
    return readCounters(this.#counters, destinationCount);
  }

  /** A number that rises while it forwards, about ten times a second. */
  get heartbeat(): number {
    return Atomics.load(this.#words, Control.HEARTBEAT);
  }

  /** Makes it forward no more; resolves when it does not. Idempotent. */
  async halt(): Promise<void> {
    Atomics.store(this.#words, Control.STOP, 1);
    this.#wakeUp.signal();
    // One that is not forwarding looks at messages only.
    if (!this.#isForwarding) this.forward();
    await this.#halted.promise;
  }

  /** Ends the thread, which has halted; resolves when it has let go of the interface. Idempotent. */
  async close(): Promise<void> {
    this.#send({ kind: "close" });
    await this.#stopped.promise;
    this.#worker.terminate();
    this.#wakeUp.close();
  }

  #answered(number: number, decision: Decision): void {
    this.#asked.get(number)?.resolve(decision);
    this.#asked.delete(number);
  }

  #hasHalted(): void {
    this.#halted.resolve();
    this.#hasEnded = true;
    for (const { reject } of this.#asked.values()) reject(stopped());
    this.#asked.clear();
  }

  #send(message: ToDatapath): void {
    this.#worker.postMessage(message);
  }
}

function stopped(): OperatorError {
  return new OperatorError("The datapath has been stopped", ExitCode.UNAVAILABLE, { remedy: "Ask again" });
}
