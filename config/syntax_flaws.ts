/**
 * What keeps a text from being YAML, in words that tell an operator what to write: each cause once, without what only
 * follows from it.
 *
 * @module
 */

import type { YAMLError } from "yaml";
import { counted } from "../model/counted.ts";
import { lookAlike } from "./look_alikes.ts";
import { findUnclosed, type SyntaxFlaw } from "./unclosed.ts";

/** Where a line of the text begins, and what it holds. */
interface Line {
  readonly start: number;
  readonly text: string;
}

/**
 * Explains the parser's errors.
 *
 * @param lineOf Line, counted from 1, of an offset.
 * @returns In the order of the text; nothing only if there are no errors.
 */
export function syntaxFlaws(
  text: string,
  errors: readonly YAMLError[],
  lineOf: (offset: number) => number,
): SyntaxFlaw[] {
  if (errors.length === 0) return [];
  const oldLineEnd = text.search(/\r(?!\n)/);
  if (oldLineEnd !== -1) {
    const message =
      "Cannot use a carriage return alone as the end of a line: write line feeds, or save the file with the line ends of Unix";
    return [{ offset: oldLineEnd, message }];
  }
  const unclosed = findUnclosed(text, lineOf);
  const openFrom = unclosed[0]?.offset ?? Infinity;
  const flaws: SyntaxFlaw[] = [...unclosed];
  // What stands behind an open bracket or quote was read as if it stood inside.
  const sorted = errors.filter(({ pos }) => pos[0] < openFrom).sort((one, other) =>
    one.pos[0] - other.pos[0]
  );
  const tabs = sorted.filter(({ code }) => code === "TAB_AS_INDENT");
  const firstTab = tabs[0]?.pos[0] ?? Infinity;
  // Whatever is said of lines below a tab is said of where they would begin without it.
  const byLine = Map.groupBy(sorted.filter(({ pos }) => pos[0] < firstTab), ({ pos }) => lineOf(pos[0]));
  for (const inLine of byLine.values()) flaws.push(flawOf(text, inLine));
  if (tabs.length > 0) {
    flaws.push(tabFlaw(firstTab, new Set(tabs.map(({ pos }) => lineOf(pos[0]))).size));
  }
  return flaws.toSorted((one, other) => one.offset - other.offset);
}

function tabFlaw(offset: number, lines: number): SyntaxFlaw {
  const others = lines === 1 ? "" : ` here and in ${counted(lines - 1, "more line")}`;
  return {
    offset,
    message: `Cannot use a tab as indentation${others}: write spaces instead`,
  };
}

/** The flaw behind the errors of one line. */
function flawOf(text: string, errors: readonly YAMLError[]): SyntaxFlaw {
  const { code, message, pos: [offset] } = errors[0]!;
  const char = text.slice(offset, offset + 1);
  const here = lineAt(text, offset);
  const next = lineAt(text, here.start + here.text.length + 1);
  const foreign = lookAlike(`${here.text}\n${next.text}`);
  if (foreign !== null) {
    return { offset: here.start + foreign.index, message: `Cannot use ${foreign.name}: ${foreign.remedy}` };
  }
  // At the first character of the line instead of in front of its indentation.
  const place = offset === here.start ? offset + indentOf(here.text) : offset;
  const flaw = (message: string): SyntaxFlaw => ({ offset: place, message });
  const isMissingComma = message.startsWith("Missing ,") ||
    (errors.some(({ code }) => code === "BLOCK_IN_FLOW") &&
      errors.some(({ code }) => code === "MULTILINE_IMPLICIT_KEY"));
  if (isMissingComma) {
    return flaw(
      "Cannot tell where the next entry begins: write a comma before it, or quotes around a value with special characters",
    );
  }
  switch (code) {
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY": {
      if (message.startsWith("A block sequence")) {
        return flaw(
          "Cannot use a list entry here: begin its dash in the column of the list's other dashes, and the keys of an " +
            "entry two columns further",
        );
      }
      if (next.text.trim() !== "" && hasValue(here.text) && indentOf(next.text) > columnOf(here.text)) {
        return {
          offset: next.start + indentOf(next.text),
          message: `Cannot use a deeper indentation below a key that has a value: begin this line in column ${
            columnOf(here.text) + 1
          }, as the key above`,
        };
      }
      if (/\S:\s/.test(`${here.text}\n`)) {
        return flaw(
          "Cannot use a value with a colon at its end, or followed by a space: put the value in quotes",
        );
      }
      return flaw(
        "Cannot find a key and its value in this line: write KEY: VALUE, with a space behind the colon",
      );
    }
    case "BLOCK_IN_FLOW":
      return flaw("Cannot use this value inside brackets as it stands: put it in quotes");
    case "BAD_INDENT":
      return flaw(
        "Cannot tell what this line belongs to: begin it in the same column as the keys or dashes beside it",
      );
    case "BAD_SCALAR_START":
      return flaw(`Cannot begin a value with ${char}: put the value in quotes`);
    case "BAD_DQ_ESCAPE":
      return flaw(
        "Cannot read what follows this backslash: write two backslashes for one, or single quotes around the value",
      );
    case "BAD_DIRECTIVE":
      return flaw("Cannot use a line that begins with %: remove it");
    case "BAD_ALIAS":
      return flaw(`Cannot use ${char} without a name behind it: put the value in quotes`);
    case "ALIAS_PROPS":
    case "BAD_PROP_ORDER":
    case "MULTIPLE_ANCHORS":
    case "MULTIPLE_TAGS":
      return flaw("Cannot use an anchor or a tag here: remove it");
    case "TAG_RESOLVE_FAILED":
    case "BAD_COLLECTION_TYPE":
      return flaw("Cannot use this tag: remove it");
    case "NON_STRING_KEY":
      if (text.slice(offset - 1, offset + 1) === "{{") {
        return flaw("Cannot fill in {{ }}: nothing is replaced in this file, write the value itself");
      }
      return flaw(
        "Cannot use a list or a mapping as a key: write a word, or put a value with { or [ in quotes",
      );
    case "MULTIPLE_DOCS":
      return flaw(
        "Cannot use several documents in one file: remove the --- line and what belongs to the other document",
      );
    case "UNEXPECTED_TOKEN":
      return flaw(
        char === "]" || char === "}"
          ? `Cannot find what this ${char} closes: remove it`
          : "Cannot use what stands here: remove it, or put the value it belongs to in quotes",
      );
    case "MISSING_CHAR":
      return flaw(missingChar(message));
    default:
      return flaw(
        `${message.slice(0, 1).toUpperCase()}${message.slice(1).replace(/\.+$/, "")}: correct this line`,
      );
  }
}

function missingChar(message: string): string {
  if (message.startsWith("Comments")) {
    return "Cannot begin a comment right behind a value: write a space before the #";
  }
  if (message.startsWith("Sequence")) {
    return 'Cannot use this line in a list: begin it with "- ", or in the column of the keys it belongs to';
  }
  return "Cannot find a key and its value in this line: write KEY: VALUE, with a space behind the colon";
}

function lineAt(text: string, offset: number): Line {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", start);
  return { start, text: text.slice(start, end === -1 ? undefined : end) };
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Column, counted from 0, of the first key of a line, behind the dash of its list. */
function columnOf(line: string): number {
  return /^(?:\s*- +)?\s*/.exec(line)![0].length;
}

/** Whether a line is a key with its value. */
function hasValue(line: string): boolean {
  return /^\s*(?:- +)?[\w-]+: +[^\s#]/.test(line);
}
