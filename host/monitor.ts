/**
 * Listening to a program that reports changes of the host as they happen, for example `ip monitor` or `nft monitor`.
 *
 * @module
 */

import { isInstalled, spawnReader } from "./command.ts";

/** Pause before a program that has ended is started again. */
const RESTART_MS = 1_000;

export interface MonitorListener {
  /** Takes one line of the program's output. */
  onLine(line: string): void;
  /** The program has ended, for example because the kernel's reports overran it: changes may have been missed. */
  onGap(): void;
}

/** A program that is kept running, and read, until it is disposed of. */
export class Monitor implements Disposable {
  readonly #words: readonly string[];
  readonly #listener: MonitorListener;
  #child: Deno.ChildProcess | null = null;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #isDisposed = false;

  /** Starts the program; one that is not installed is a gap again and again. */
  constructor(words: readonly string[], listener: MonitorListener) {
    this.#words = words;
    this.#listener = listener;
    this.#start();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#restart);
    try {
      this.#child?.kill("SIGKILL");
    } catch (error) {
      // It may have ended, or been reaped, a moment ago.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #start(): void {
    // Should this process be killed, the kernel takes the program with it (prctl(2), PR_SET_PDEATHSIG).
    const guard = isInstalled("setpriv") ? ["setpriv", "--pdeathsig", "KILL"] : [];
    const [program, ...args] = [...guard, ...this.#words];
    this.#child = spawnReader(program!, args);
    this.#read(this.#child);
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
    this.#restart = setTimeout(() => this.#start(), RESTART_MS);
    this.#listener.onGap();
  }
}
