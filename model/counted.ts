/**
 * Numbers of things in sentences.
 *
 * @module
 */

/** `1 thing` or `3 things`; for nouns whose plural is regular. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
