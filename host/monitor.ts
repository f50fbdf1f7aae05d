/**
 * Listening to a program that reports changes of the host as they happen, for example `ip monitor` or `nft monitor`.
 *
 * @module
 */

import { HostError } from "../model/operator_error.ts";
import { isInstalled, kill, spawnReader } from "./command.ts";

/** Pause before a program that has ended, or did not start, is started again. */
const RESTART_MS = 1_000;

export interface MonitorListener {
  /** Takes one line of the program's output. */
  onLine(line: string): void;
  /**
   * Changes may have been missed: the program has ended, for example because the kernel's reports overran it. Called
   * again when it has been started anew, because nobody has listened in between.
   */
  onGap(): void;
}

/** A program that is kept running, and read, until it is disposed of. */
export class Monitor implements AsyncDisposable {
  readonly #words: readonly string[];
  readonly #listener: MonitorListener;
  #child: Deno.ChildProcess | null = null;
  /** Ends with the program. */
  #reading: Promise<void> = Promise.resolve();
  #restart: ReturnType<typeof setTimeout> | undefined;
  #isDisposed = false;

  /** Starts the program; one that cannot be started is a gap again and again. */
  constructor(words: readonly string[], listener: MonitorListener) {
    this.#words = words;
    this.#listener = listener;
    this.#start();
  }

  /** Tells of nothing from now on, and resolves when the program has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    clearTimeout(this.#restart);
    if (this.#child !== null) kill(this.#child);
    await this.#reading;
  }

  #start(): void {
    // Should this process be killed, the kernel takes the program with it (prctl(2), PR_SET_PDEATHSIG).
    const guard = isInstalled("setpriv") ? ["setpriv", "--pdeathsig", "KILL"] : [];
    const [program, ...args] = [...guard, ...this.#words];
    try {
      this.#child = spawnReader(program!, args);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.#startAgain();
      return;
    }
    this.#reading = this.#read(this.#child);
  }

  #startAgain(): void {
    this.#restart = setTimeout(() => {
      this.#start();
      this.#listener.onGap();
    }, RESTART_MS);
  }

  async #read(child: Deno.ChildProcess): Promise<void> {
    let rest = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + part).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (!this.#isDisposed) this.#listener.onLine(line);
    }
    await child.status;
    if (this.#isDisposed) return;
    this.#startAgain();
    this.#listener.onGap();
  }
}
