/**
 * Characters that look like those of YAML and are others: what word processors and web pages make of spaces, quotes
 * and dashes.
 *
 * @module
 */

/** A character that was taken for another one. */
export interface LookAlike {
  /** Where it stands, in UTF-16 code units. */
  readonly index: number;
  /** What it is, for a message. */
  readonly name: string;
  readonly remedy: string;
}

const KINDS: readonly { readonly characters: RegExp; readonly kind: string; readonly remedy: string }[] = [
  {
    characters: /[\u00a0\u1680\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff]/,
    kind: "the invisible character",
    remedy: "write a plain space instead, or nothing",
  },
  { characters: /[“”„«»]/, kind: "the quote", remedy: 'write " instead, or nothing' },
  { characters: /[‘’‚‹›]/, kind: "the quote", remedy: "write ' instead, or nothing" },
  { characters: /[\u2010-\u2015\u2212]/, kind: "the dash", remedy: "write - instead" },
  { characters: /[：，；]/, kind: "the sign", remedy: "write the one of ASCII instead" },
];

/** The first such character in `text` that is not in a comment, or `null` if there is none. */
export function lookAlike(text: string): LookAlike | null {
  const code = text.replace(/(^|\s)#.*/g, (comment) => " ".repeat(comment.length));
  let first: LookAlike | null = null;
  for (const { characters, kind, remedy } of KINDS) {
    const index = code.search(characters);
    if (index === -1 || (first !== null && first.index < index)) continue;
    const character = code[index]!;
    const number = `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    const shown = kind === "the invisible character" ? number : `${character} (${number})`;
    first = { index, name: `${kind} ${shown}`, remedy };
  }
  return first;
}
