/**
 * What is never printed of a configuration: the values of secret keys, and what only a slip keeps from being one, such
 * as `tokne: …` or `token:…` without a space.
 *
 * @module
 */

import { nearestWord } from "./nearest_word.ts";

const SECRET_KEYS = ["token", "hash_key"] as const;

/** What people call a secret where it has another name here. */
const SECRET_WORD = /token|key|secret|passw/i;

/** A word, and what makes the text behind it its value; without `:` or `=` only one as long as the shortest token. */
const ASSIGNMENT = /(?<![\w-])([\w-]+)["']?(?:[^\S\r\n]*[:=][^\S\r\n]*|[^\S\r\n]+(?=\S{16}))/g;

/** A value by its looks: quoted, or up to the next space or the comma before it. */
const LIKELY_VALUE = /"[^"\r\n]*"?|'[^'\r\n]*'?|\S*[^\s,]/y;
const REST_OF_LINE = /[^\r\n]+/y;

/** Whether the value of a key is a secret, or that of the key it is likely to be a slip of. */
export function isSecretKey(key: string): boolean {
  return SECRET_WORD.test(key) || nearestWord(key, SECRET_KEYS) !== null;
}

/** Replaces `text[start…end)` by asterisks; the text keeps its length and its lines. */
export function mask(text: string, start: number, end: number): string {
  return text.slice(0, start) + text.slice(start, end).replace(/[^\r\n]/g, "*") + text.slice(end);
}

/**
 * Masks what looks like the value of a secret key, in text of any form.
 *
 * @param extent How much of the line behind such a key is masked; `value` may err where the text is no valid YAML.
 */
export function maskLikelySecrets(text: string, extent: "value" | "line"): string {
  const value = extent === "value" ? LIKELY_VALUE : REST_OF_LINE;
  let masked = "";
  let copied = 0;
  for (const { index, 0: { length }, 1: key } of text.matchAll(ASSIGNMENT)) {
    value.lastIndex = index + length;
    // What is masked already is no key.
    if (index < copied || !isSecretKey(key!)) continue;
    const end = value.test(text) ? value.lastIndex : index + length;
    masked += text.slice(copied, index + length) + "*".repeat(end - index - length);
    copied = end;
  }
  return masked + text.slice(copied);
}
