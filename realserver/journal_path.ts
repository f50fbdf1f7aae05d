/**
 * Where `lvsdr realserver` writes down what it changes on a host.
 *
 * @module
 */

/** Path of the journal in a run directory. */
export function journalPathIn(runDir: string): string {
  return `${runDir}/realserver.journal`;
}
