/**
 * Doing one thing after the other, whoever asks for them.
 *
 * @module
 */

/** Actions that must not meet: each begins when all before it have ended, however they did. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves when all actions taken so far have ended. */
  get idle(): Promise<unknown> {
    return this.#last;
  }

  /** Runs an action when it is its turn; what becomes of it is what becomes of the promise. */
  take<T>(action: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => {});
    return result;
  }
}
