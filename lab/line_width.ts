/**
 * Text that fits into the lines of a terminal.
 *
 * @module
 */

/** Below this, lines that end early are harder to read than ones that the terminal folds. */
const LEAST_COLUMNS = 40;

/** Breaks text between words, into lines of `columns` characters at most; a longer word gets a line of its own. */
export function folded(text: string, columns: number): string[] {
  const width = Math.max(columns, LEAST_COLUMNS);
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** Cuts off what does not fit into one line of `columns` characters: a line that is folded cannot be drawn anew. */
export function clipped(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
