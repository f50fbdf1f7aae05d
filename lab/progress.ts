/**
 * What a lab shows while something takes its time: on a terminal one line that counts the seconds, elsewhere now and then
 * a line of its own.
 *
 * @module
 */

import { clipped } from "./line_width.ts";
import type { Output } from "./output.ts";

const TICK_MS = 1_000;
/** Time after which somebody wonders. */
const FIRST_LINE_AFTER_MS = 2_000;
const LINE_INTERVAL_MS = 10_000;
/** Clears from the cursor to the end of the line (ECMA-48 §8.3.41). */
export const CLEAR_LINE = "\x1b[K";

/** Shown from its construction to its disposal, after which nothing of it is on the terminal. */
export class Progress implements Disposable {
  /** What takes its time. */
  text: string;
  readonly #output: Output;
  readonly #timer: number;
  #nextLineMs = FIRST_LINE_AFTER_MS;

  constructor(output: Output, text: string) {
    this.#output = output;
    this.text = text;
    const startMs = performance.now();
    this.show(0);
    this.#timer = setInterval(() => {
      try {
        this.show(performance.now() - startMs);
      } catch {
        // Thrown from here it would end the process without any cleaning up; who writes next meets it as well.
        clearInterval(this.#timer);
      }
    }, TICK_MS);
  }

  /** Shows what there is to show after so many milliseconds. */
  show(elapsedMs: number): void {
    const seconds = Math.floor(elapsedMs / 1000);
    const time = ` …${seconds === 0 ? "" : ` ${seconds} s`}`;
    if (this.#output.isTerminal) {
      const text = clipped(`  ${this.text}`, this.#output.columns - time.length - 1);
      this.#output.write(`\r${text}${time}${CLEAR_LINE}`);
    } else if (elapsedMs >= this.#nextLineMs) {
      this.#nextLineMs = elapsedMs + LINE_INTERVAL_MS;
      this.#output.write(`  ${this.text}${time}\n`);
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#output.isTerminal) this.#output.write(`\r${CLEAR_LINE}`);
  }
}
