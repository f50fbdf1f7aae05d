/**
 * Where a lab's words and pictures go.
 *
 * @module
 */

export interface Output {
  write(text: string): void;
  /** Whether a line can be drawn anew, and colors are seen. */
  readonly isTerminal: boolean;
  /** Characters of a line; `Infinity` where nobody folds lines. */
  readonly columns: number;
}
