/**
 * Keeping an eye on one part of the host: it is looked at whenever a program reports that it may have changed.
 *
 * @module
 */

import { Monitor } from "./monitor.ts";

/** Time for which reports are gathered, so that a change in several parts is looked at once. */
const SETTLE_MS = 300;
/** Time to the next look after one that could not put things in order. */
const RETRY_MS = 1_000;
/** Longest time without a look, should a report ever be lost. */
const FULL_LOOK_MS = 30_000;

export interface LookOutOptions {
  /** Program that reports changes and its arguments, for example `nft monitor`; see {@linkcode Monitor}. */
  readonly words: readonly string[];
  /** Whether a line of the program is a reason to look. Called for every line, in their order. */
  readonly isRelevant: (line: string) => boolean;
  /** Looks at the host, and does what is to be done; returns whether all is in order. Never called twice at a time. */
  readonly look: () => Promise<boolean>;
}

/** Looks out from construction, with a first look soon, to disposal. */
export class LookOut implements AsyncDisposable {
  readonly #look: () => Promise<boolean>;
  readonly #monitor: Monitor;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isSettling = false;
  #isDisposed = false;

  constructor({ words, isRelevant, look }: LookOutOptions) {
    this.#look = look;
    this.#monitor = new Monitor(words, {
      onLine: (line) => {
        if (isRelevant(line)) this.#settle();
      },
      onGap: () => this.#settle(),
    });
    this.#settle();
  }

  /** Ends it; resolves when no look is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#monitor[Symbol.dispose]();
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    this.#lookIn(SETTLE_MS);
  }

  #lookIn(delayMs: number): void {
    if (this.#isDisposed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#looking = this.#looking.then(() => this.#lookNow());
    }, delayMs);
  }

  async #lookNow(): Promise<void> {
    if (this.#isDisposed) return;
    // A report that comes from now on is about something this look may miss.
    this.#isSettling = false;
    const isInOrder = await this.#look();
    if (!this.#isSettling) this.#lookIn(isInOrder ? FULL_LOOK_MS : RETRY_MS);
  }
}
