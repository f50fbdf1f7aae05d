/**
 * Keeping an eye on one part of the host: it is looked at whenever a program reports that it may have changed.
 *
 * @module
 */

import { OperatorError } from "../model/operator_error.ts";
import { Monitor } from "./monitor.ts";

/** Time for which reports are gathered, so that a change in several parts is looked at once. */
const SETTLE_MS = 300;
/** Time to the next look after one that could not put things in order. */
const RETRY_MS = 1_000;
/** Longest time without a look, should a report ever be lost. */
const FULL_LOOK_MS = 30_000;
/** Clues kept for a look, the last ones. */
const MOST_CLUES = 20;

/** What tells that it is time to look. */
export interface Reporter {
  /** Program that reports changes and its arguments, for example `nft monitor`; see {@linkcode Monitor}. */
  readonly words: readonly string[];
  /** Whether a line of the program is a reason to look. Called for every line, in their order. */
  readonly isRelevant: (line: string) => boolean;
  /**
   * What a line that is a reason to look tells of the cause; `null` if nothing.
   *
   * @default no line does
   */
  readonly clueOf?: (line: string) => string | null;
}

export interface LookOutOptions {
  readonly reporters: readonly Reporter[];
  /**
   * Looks at the host, and does what is to be done; returns whether all is in order. Never called twice at a time.
   *
   * @param clues What was reported of causes since the look before began, the latest last.
   * @throws {OperatorError} If that fails, which is not in order either.
   */
  readonly look: (clues: readonly string[]) => Promise<boolean>;
  /** Called with the error of a look that fails, unless the one before it has failed as well. */
  readonly onFailure: (error: OperatorError) => void;
  /**
   * Called with any other error of a look, after which there is none any more.
   *
   * @default the error is nobody's, and ends the process
   */
  readonly onFault?: (error: unknown) => void;
  /**
   * Milliseconds without a look at most, for what nobody reports.
   *
   * @default 30,000
   */
  readonly fullLookMs?: number;
}

/** Looks out from construction, with a first look soon, to disposal. */
export class LookOut implements AsyncDisposable {
  readonly #options: LookOutOptions;
  readonly #monitors: readonly Monitor[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> = Promise.resolve();
  #clues: string[] = [];
  #isSettling = false;
  #hasFailed = false;
  #isOver = false;

  constructor(options: LookOutOptions) {
    this.#options = options;
    this.#monitors = options.reporters.map(({ words, isRelevant, clueOf }) =>
      new Monitor(words, {
        onLine: (line) => {
          if (!isRelevant(line)) return;
          this.#note(clueOf?.(line) ?? null);
          this.lookSoon();
        },
        onGap: () => this.lookSoon(),
      })
    );
    this.lookSoon();
  }

  /** What has been reported of causes since the last look began. */
  get clues(): readonly string[] {
    return this.#clues;
  }

  /** Looks although nothing has been reported. */
  lookSoon(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    this.#lookIn(SETTLE_MS);
  }

  /** Ends it; resolves when no look is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#monitors.map((monitor) => monitor[Symbol.asyncDispose]()));
    await this.#looking;
  }

  #note(clue: string | null): void {
    if (clue === null) return;
    if (this.#clues.length === MOST_CLUES) this.#clues.shift();
    this.#clues.push(clue);
  }

  #lookIn(delayMs: number): void {
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#looking = this.#looking.then(() => this.#lookNow());
    }, delayMs);
  }

  async #lookNow(): Promise<void> {
    if (this.#isOver) return;
    // A report that comes from now on is about something this look may miss.
    this.#isSettling = false;
    const clues = this.#clues;
    this.#clues = [];
    try {
      const isInOrder = await this.#isInOrder(clues);
      if (!this.#isSettling) this.#lookIn(isInOrder ? this.#options.fullLookMs ?? FULL_LOOK_MS : RETRY_MS);
    } catch (error) {
      if (this.#options.onFault === undefined) throw error;
      this.#isOver = true;
      this.#options.onFault(error);
    }
  }

  async #isInOrder(clues: readonly string[]): Promise<boolean> {
    try {
      const isInOrder = await this.#options.look(clues);
      this.#hasFailed = false;
      return isInOrder;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      if (!this.#hasFailed) this.#options.onFailure(error);
      this.#hasFailed = true;
      return false;
    }
  }
}
