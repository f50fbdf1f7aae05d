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

/** Programs that somebody listens to, by their words. */
const programs = new Map<string, Program>();

/** One of those who listen to a program, which all who listen to the same one share. */
export class Monitor implements AsyncDisposable {
  readonly #key: string;
  readonly #listener: MonitorListener;
  readonly #program: Program;

  /** Starts the program, unless it runs already; one that cannot be started is a gap again and again. */
  constructor(words: readonly string[], listener: MonitorListener) {
    this.#key = JSON.stringify(words);
    this.#listener = listener;
    this.#program = programs.get(this.#key) ?? new Program(words);
    this.#program.listeners.add(listener);
    programs.set(this.#key, this.#program);
  }

  /** Tells of nothing from now on, and resolves when the program has ended, unless others listen to it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { listeners } = this.#program;
    if (!listeners.delete(this.#listener) || listeners.size > 0) return;
    programs.delete(this.#key);
    await this.#program.end();
  }
}

/** A program that is kept running, and read, until it is ended. */
class Program {
  readonly listeners = new Set<MonitorListener>();
  readonly #words: readonly string[];
  #child: Deno.ChildProcess | null = null;
  /** Ends with the program. */
  #reading: Promise<void> = Promise.resolve();
  #restart: ReturnType<typeof setTimeout> | undefined;
  #hasEnded = false;

  constructor(words: readonly string[]) {
    this.#words = words;
    this.#start();
  }

  /** Resolves when the program has ended. */
  async end(): Promise<void> {
    this.#hasEnded = true;
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
      this.#tell((listener) => listener.onGap());
    }, RESTART_MS);
  }

  async #read(child: Deno.ChildProcess): Promise<void> {
    let rest = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + part).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#tell((listener) => listener.onLine(line));
    }
    await child.status;
    if (this.#hasEnded) return;
    this.#startAgain();
    this.#tell((listener) => listener.onGap());
  }

  /** One that is gone by the time its turn comes is told nothing. */
  #tell(news: (listener: MonitorListener) => void): void {
    for (const listener of this.listeners) news(listener);
  }
}
