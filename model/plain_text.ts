/**
 * Text for a terminal: columns, and foreign text that cannot do any harm there.
 *
 * @module
 */

/** Replaces control characters, so that foreign text cannot steer a terminal. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are the point
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "\ufffd");
}

/**
 * Rows of cells as lines whose columns stand below each other, two spaces apart; every cell {@linkcode printable}.
 *
 * @param rows All as long as the first.
 * @param isNumberColumn Whether a column is aligned at its end, as numbers are. @default none is
 */
export function columnLines(
  rows: readonly (readonly string[])[],
  isNumberColumn: (column: number) => boolean = () => false,
): string[] {
  const cells = rows.map((row) => row.map(printable));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) =>
    row.map((cell, column) =>
      isNumberColumn(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
    ).join("  ").trimEnd()
  );
}
