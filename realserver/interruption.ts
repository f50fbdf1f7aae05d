/**
 * Being asked to stop.
 *
 * @module
 */

/** The first signal that asks to stop. While it exists, such signals do not end the process. */
export class Interruption implements Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  readonly #listener: () => void;

  constructor() {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#listener = () => controller.abort();
    for (const name of Interruption.#SIGNALS) Deno.addSignalListener(name, this.#listener);
  }

  [Symbol.dispose](): void {
    for (const name of Interruption.#SIGNALS) Deno.removeSignalListener(name, this.#listener);
  }

  // A terminal that is closed sends SIGHUP.
  static readonly #SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
}
