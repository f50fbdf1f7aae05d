/**
 * Being asked to stop before all was shown.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";

/** What a signal makes of a program that it stops. */
const EXIT_CODES = {
  SIGHUP: ExitCode.HUNG_UP,
  SIGINT: ExitCode.INTERRUPTED,
  SIGTERM: ExitCode.TERMINATED,
} as const;
type StopSignal = keyof typeof EXIT_CODES;

/** Whether a program with this exit code was stopped by a signal. */
export function isInterrupted(code: ExitCode): boolean {
  return Object.values<ExitCode>(EXIT_CODES).includes(code);
}

/** The first signal that asks to stop. While it exists, such signals do not end the process. */
export class Interruption implements Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #listeners: readonly (readonly [StopSignal, () => void])[];
  #exitCode: ExitCode = ExitCode.OK;

  constructor() {
    this.signal = this.#controller.signal;
    const names = Object.keys(EXIT_CODES) as StopSignal[];
    this.#listeners = names.map((name) => [name, () => this.stop(name)] as const);
    for (const [name, listener] of this.#listeners) Deno.addSignalListener(name, listener);
  }

  /** What the program ends with once it has cleaned up; `OK` as long as nobody has asked it to stop. */
  get exitCode(): ExitCode {
    return this.#exitCode;
  }

  /** Stops as if a signal had come. */
  stop(name: StopSignal): void {
    if (this.signal.aborted) return;
    this.#exitCode = EXIT_CODES[name];
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) Deno.removeSignalListener(name, listener);
  }
}
