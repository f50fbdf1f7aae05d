/**
 * What a program of the lab has printed, for the error that says what became of it.
 *
 * @module
 */

const SHOWN_LINES = 20;

/** The end of a log file, as the remedy of an error. */
export async function printedLast(logFile: string): Promise<string> {
  const text = await Deno.readTextFile(logFile).catch(() => "");
  const lines = text.trim().split("\n").slice(-SHOWN_LINES).join("\n");
  return lines === "" ? "It printed nothing" : `It printed:\n${lines}`;
}
