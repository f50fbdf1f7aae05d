/**
 * Brackets and quotes that are not closed, at the place where they were opened: a parser notices them only where it
 * cannot go on, lines below or at the end of the file.
 *
 * @module
 */

import { type CST, Parser } from "yaml";

/** What is wrong with the text, and where in it. */
export interface SyntaxFlaw {
  /** Counted from 0, in UTF-16 code units. */
  readonly offset: number;
  readonly message: string;
}

const CLOSING: Readonly<Record<string, string>> = { "[": "]", "{": "}" };

/** Which flaw is the cause of others, the first before all: a quote swallows brackets, a wrong bracket ends two. */
const CAUSES = ["quote", "wrong bracket", "open bracket"] as const;

interface Finding extends SyntaxFlaw {
  readonly cause: typeof CAUSES[number];
}

type LineOf = (offset: number) => number;

/**
 * Finds what was opened and not closed.
 *
 * @param lineOf Line, counted from 1, of an offset.
 * @returns In the order of the text, without what is only a consequence; nothing if all is closed.
 */
export function findUnclosed(text: string, lineOf: LineOf): SyntaxFlaw[] {
  const findings: Finding[] = [];
  // A stack of its own: brackets may be nested deeper than calls can be.
  const left: CST.Token[] = [...new Parser().parse(text)].toReversed();
  for (let token = left.pop(); token !== undefined; token = left.pop()) {
    if (token.type === "document") {
      if (token.value !== undefined) left.push(token.value);
    } else if (token.type === "double-quoted-scalar" || token.type === "single-quoted-scalar") {
      findings.push(...quoteFindings(token, lineOf));
    } else if ("items" in token) {
      if (token.type === "flow-collection") findings.push(...bracketFindings(token, lineOf));
      for (const { key, value } of token.items.toReversed()) {
        if (value !== undefined) left.push(value);
        if (key) left.push(key);
      }
    }
  }
  const first = CAUSES.find((cause) => findings.some((finding) => finding.cause === cause));
  const causes = findings.filter(({ cause }) => cause === first);
  return (first === "quote" ? causes.slice(0, 1) : causes).map(({ offset, message }) => ({
    offset,
    message,
  }));
}

/** A text over several lines is no value of this configuration: its closing quote is that of another one. */
function quoteFindings({ offset, source }: CST.FlowScalar, lineOf: LineOf): Finding[] {
  const mark = source[0]!;
  const isOpen = source.length < 2 || !source.endsWith(mark);
  if (!isOpen && !/[\r\n]/.test(source)) return [];
  const message =
    `Cannot find the ${mark} that closes the one opened here: write it behind the value, in line ${
      lineOf(offset)
    }`;
  return [{ cause: "quote", offset, message }];
}

function bracketFindings(token: CST.FlowCollection, lineOf: LineOf): Finding[] {
  const { offset, source: opening } = token.start;
  const closing = CLOSING[opening]!;
  const end = closingToken(token);
  if (end === undefined) {
    const remedy = `write it behind what belongs inside, in line ${lineOf(lastOffset(token))} as it seems`;
    return [{
      cause: "open bracket",
      offset,
      message: `Cannot find the ${closing} that closes the ${opening} opened here: ${remedy}`,
    }];
  }
  if (end.source === closing) return [];
  return [{
    cause: "wrong bracket",
    offset,
    message: `Cannot close the ${opening} opened here by the ${end.source} in line ${lineOf(end.offset)}: ` +
      `write ${closing} before that or instead of it, or remove that if it is one too many`,
  }];
}

function closingToken({ end }: CST.FlowCollection): CST.SourceToken | undefined {
  return end.find(({ type }) => type === "flow-seq-end" || type === "flow-map-end");
}

/** Offset of the last thing inside. */
function lastOffset(token: CST.FlowCollection): number {
  let at: CST.FlowCollection = token;
  while (true) {
    const item = at.items.findLast(({ key, value, sep }) => key != null || value != null || sep != null);
    const inner = item?.value ?? item?.key;
    if (inner == null) return item?.sep?.at(-1)?.offset ?? at.start.offset;
    if (inner.type !== "flow-collection") return inner.offset;
    const end = closingToken(inner);
    if (end !== undefined) return end.offset;
    at = inner;
  }
}
