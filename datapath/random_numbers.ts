/**
 * The chance that schedulers take. What a rehearsal draws is drawn again afterwards, so that it foretells what happens.
 *
 * @module
 */

export class RandomNumbers {
  readonly #fresh = new Uint32Array(1);
  /** Drawn by rehearsals, in their order. */
  readonly #foreseen: number[] = [];
  #isRehearsal = false;
  /** Of those, how many the rehearsal has drawn. */
  #rehearsed = 0;

  /** 32 random bits. */
  next(): number {
    if (!this.#isRehearsal) return this.#foreseen.shift() ?? this.#draw();
    if (this.#rehearsed === this.#foreseen.length) this.#foreseen.push(this.#draw());
    this.#rehearsed += 1;
    return this.#foreseen[this.#rehearsed - 1]!;
  }

  /** Runs `action` and takes back what it draws. */
  rehearse<T>(action: () => T): T {
    this.#isRehearsal = true;
    this.#rehearsed = 0;
    try {
      return action();
    } finally {
      this.#isRehearsal = false;
    }
  }

  #draw(): number {
    return crypto.getRandomValues(this.#fresh)[0]!;
  }
}
