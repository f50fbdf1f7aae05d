/**
 * What a running director is told to do: by signals, by changes of its interface, or by a datapath that has failed.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";

export type Order =
  | { readonly kind: "reload" }
  /** Look at the interface: it is not what it was. */
  | { readonly kind: "interface" }
  | { readonly kind: "end"; readonly code: ExitCode };

/**
 * Takes orders from its creation to its disposal and hands them out one at a time. A signal in between is therefore
 * never deadly: one that comes while the director starts waits, and a second Ctrl-C cannot stop it half-way through
 * putting the host back.
 */
export class Orders implements Disposable {
  readonly #onReload = () => this.#reload();
  readonly #onEnd = () => this.end(ExitCode.OK);
  #isReloadWanted = false;
  #hasInterfaceChanged = false;
  #endCode: ExitCode | null = null;
  #wake: () => void = () => {};

  constructor() {
    Deno.addSignalListener("SIGHUP", this.#onReload);
    Deno.addSignalListener("SIGTERM", this.#onEnd);
    Deno.addSignalListener("SIGINT", this.#onEnd);
  }

  /** Orders the end. The first code stands. */
  end(code: ExitCode): void {
    this.#endCode ??= code;
    this.#wake();
  }

  /** Orders a look at the interface. */
  interfaceChanged(): void {
    this.#hasInterfaceChanged = true;
    this.#wake();
  }

  /** The next order. The end comes before all others, and several of a kind that were waiting are one. */
  async next(): Promise<Order> {
    while (this.#endCode === null && !this.#isReloadWanted && !this.#hasInterfaceChanged) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#endCode !== null) return { kind: "end", code: this.#endCode };
    if (this.#hasInterfaceChanged) {
      this.#hasInterfaceChanged = false;
      return { kind: "interface" };
    }
    this.#isReloadWanted = false;
    return { kind: "reload" };
  }

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGHUP", this.#onReload);
    Deno.removeSignalListener("SIGTERM", this.#onEnd);
    Deno.removeSignalListener("SIGINT", this.#onEnd);
  }

  #reload(): void {
    this.#isReloadWanted = true;
    this.#wake();
  }
}
