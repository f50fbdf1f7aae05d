/**
 * The result of reading one value of the configuration: what it means, or what is wrong with it.
 *
 * @module
 */

import { maskLikelySecrets } from "./secrets.ts";

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

/** The value was understood. */
export function understood<T>(value: T): Reading<T> {
  return { ok: true, value };
}

/** The value is refused; `message` is for the operator and holds the remedy. */
export function refused(message: string): Reading<never> {
  return { ok: false, message };
}

/** Characters of a text that are repeated in a message. */
const SHOWN_CHARACTERS = 60;

/** Quotes `text` for a message: without what looks like a secret, escaped, and cut when long. */
export function quote(text: string): string {
  const shown = maskLikelySecrets(text, "value");
  const characters = [...shown];
  return JSON.stringify(
    characters.length <= SHOWN_CHARACTERS ? shown : `${characters.slice(0, SHOWN_CHARACTERS).join("")}…`,
  );
}

/** Names any value as it was found in the file, for example `text "abc"` or `a list`. */
export function found(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") return `text ${quote(value)}`;
  if (typeof value === "object") return Array.isArray(value) ? "a list" : "a mapping";
  return String(value);
}
