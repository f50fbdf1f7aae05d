/**
 * A YAML file as text with places: its syntax problems, its value, and the line and column of every key.
 *
 * @module
 */

import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import type { ConfigProblem, ConfigProblemCode } from "./config_error.ts";
import { quote } from "./reading.ts";
import { isSecretKey, mask, maskLikelySecrets } from "./secrets.ts";

export type Path = readonly PropertyKey[];

/** Values a file may hold once its aliases are expanded; more is an alias bomb. */
const MOST_VALUES = 1_000_000;
/** Levels of nesting a file may have, aliases expanded; the configuration needs six. */
const MOST_LEVELS = 64;

const TOO_DEEP = `Cannot read more than ${MOST_LEVELS} levels of nesting: remove the surplus brackets`;

/** Remedies where the parser's own words do not tell an operator what to do. */
const SYNTAX_MESSAGES: Readonly<Partial<Record<YAMLError["code"], string>>> = {
  DUPLICATE_KEY: "Cannot use the same key twice in one mapping: remove one of them",
  NON_STRING_KEY: "Cannot use a list or a mapping as a key: write a word",
  MULTIPLE_DOCS:
    "Cannot use several documents in one file: remove the --- line and what belongs to the other document",
  TAG_RESOLVE_FAILED: "Cannot use this tag: remove it",
  TAB_AS_INDENT: "Cannot use a tab as indentation: use spaces",
};

/** Text of a path, for example `services[0].vip`; a key that is no plain word is quoted and escaped. */
export function pathText(path: Path): string {
  return path.map((part, i) => {
    if (typeof part === "number") return `[${part}]`;
    const key = String(part);
    return /^[\w<-]+$/.test(key) ? `${i === 0 ? "" : "."}${key}` : `[${quote(key)}]`;
  }).join("");
}

interface Extent {
  readonly values: number;
  readonly levels: number;
}

export class YamlSource {
  readonly file: string;
  /** In the order of the file. */
  readonly syntaxProblems: readonly ConfigProblem[];
  /** Whether the file has a value in spite of its problems, so that more can be found. */
  readonly hasValue: boolean;
  readonly #text: string;
  readonly #lineCounter = new LineCounter();
  readonly #document: Document.Parsed;
  /** What an alias stands for. */
  readonly #targets = new Map<Node, Node>();

  /** Reads `text`, never throws. */
  constructor(text: string, file: string) {
    this.file = file;
    this.#text = text;
    this.#document = parseDocument(text, {
      lineCounter: this.#lineCounter,
      prettyErrors: false,
      stringKeys: true,
      // Stated, so that a %YAML 1.1 directive cannot turn `off` into false or 10:20 into a number.
      schema: "core",
    });
    const { errors, warnings } = this.#document;
    const structural = this.#structuralProblem(this.#document);
    // Unclosed brackets would be reported once a level.
    const reported = structural?.message === TOO_DEEP ? [] : this.#parserProblems([...errors, ...warnings]);
    this.syntaxProblems = structural === null ? reported : [...reported, structural];
    this.hasValue = structural === null && warnings.length === 0 &&
      errors.every(({ code }) => code === "DUPLICATE_KEY");
  }

  /** The text with secrets, and what is likely to be one, replaced by asterisks of the same length. */
  get printableText(): string {
    // Where there is no value the parser may have taken a secret for something else.
    let masked = maskLikelySecrets(this.#text, this.hasValue ? "value" : "line");
    visit(this.#document, {
      Pair: (_, { key, value }) => {
        if (!isScalar(key) || !isSecretKey(String(key.value))) return;
        const [start, end] = this.#resolve(value)?.range ?? [0, 0];
        masked = mask(masked, start, end);
      },
    });
    return masked;
  }

  /** Whether nothing but comments is in the file. */
  get isEmpty(): boolean {
    const { contents } = this.#document;
    return contents === null || (isScalar(contents) && contents.value === null);
  }

  /** The file's value in plain objects. Only if {@linkcode hasValue}. */
  toValue(): unknown {
    // Expansion was measured before.
    return this.#document.toJS({ maxAliasCount: -1 });
  }

  /** A problem of the value at `path`; of the mapping around it if there is none. */
  problem(code: ConfigProblemCode, path: Path, message: string): ConfigProblem {
    return this.#problemAt(this.#offset(path, "value"), code, path, message);
  }

  /** A problem of the key at `path`. */
  keyProblem(code: ConfigProblemCode, path: Path, message: string): ConfigProblem {
    return this.#problemAt(this.#offset(path, "key"), code, path, message);
  }

  /** Line, counted from 1, of the value at `path`. */
  line(path: Path): number {
    return this.#lineCounter.linePos(this.#offset(path, "value")).line;
  }

  #problemAt(offset: number, code: ConfigProblemCode, path: Path, message: string): ConfigProblem {
    const { line, col } = this.#lineCounter.linePos(offset);
    return {
      code,
      path: pathText(path),
      file: this.file,
      line: Math.max(line, 1),
      column: Math.max(col, 1),
      message,
    };
  }

  #parserProblems(errors: readonly YAMLError[]): ConfigProblem[] {
    const problems = new Map<string, ConfigProblem>();
    for (const { code, message, pos } of errors) {
      const plain = SYNTAX_MESSAGES[code] ??
        // It ends in text of the file, which may be a secret; the line is shown anyway.
        sentence(code === "UNEXPECTED_TOKEN" ? message.replace(/: .*/s, "") : message);
      const problem = this.#problemAt(pos[0], "syntax", [], plain);
      problems.set(`${pos[0]} ${problem.message}`, problem);
    }
    return [...problems.values()];
  }

  /** Resolves aliases and measures what they expand to, so that the value can be taken without risk. */
  #structuralProblem(document: Document.Parsed): ConfigProblem | null {
    let problem: ConfigProblem | null = null;
    const refuse = (node: Node, message: string): void => {
      // One is enough: those that follow are its consequences.
      problem ??= this.#problemAt(node.range?.[0] ?? 0, "syntax", [], message);
    };
    const anchors = new Map<string, Node>();
    const extents = new Map<Node, Extent>();
    const measure = (node: unknown, depth: number): Extent => {
      if (!isNode(node)) return { values: 1, levels: 1 };
      if (depth > MOST_LEVELS) {
        refuse(node, TOO_DEEP);
        return { values: 1, levels: 1 };
      }
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        const extent = target === undefined ? undefined : extents.get(target);
        if (target === undefined) {
          refuse(node, "Cannot find the anchor of this alias: define it before");
        } else if (extent === undefined) {
          refuse(node, "Cannot use an alias inside its own anchor: remove it");
        } else this.#targets.set(node, target);
        return extent ?? { values: 1, levels: 1 };
      }
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
      let values = 1;
      let levels = 0;
      if (isMap(node) || isSeq(node)) {
        for (const item of node.items) {
          for (const child of isPair(item) ? [item.key, item.value] : [item]) {
            const extent = measure(child, depth + 1);
            values += extent.values;
            levels = Math.max(levels, extent.levels);
          }
        }
      }
      if (values > MOST_VALUES) {
        refuse(node, `Cannot use more than ${MOST_VALUES} values, aliases expanded: use fewer`);
      }
      if (levels >= MOST_LEVELS) refuse(node, TOO_DEEP);
      const extent = { values, levels: levels + 1 };
      extents.set(node, extent);
      return extent;
    };
    measure(document.contents, 1);
    return problem;
  }

  #offset(path: Path, what: "key" | "value"): number {
    let node = this.#resolve(this.#document.contents);
    let key: Node | null = null;
    for (const part of path) {
      let next: unknown;
      let nextKey: Node | null = null;
      if (isMap(node)) {
        // The last of duplicates is the one that counts in the value too.
        const pair = node.items.findLast(({ key }) =>
          isScalar(key) && String(key.value ?? "") === String(part)
        );
        next = pair?.value;
        nextKey = isNode(pair?.key) ? pair.key : null;
      } else if (isSeq(node)) {
        next = node.items[Number(part)];
      }
      if (next === undefined && nextKey === null) return node?.range?.[0] ?? 0;
      key = nextKey;
      node = this.#resolve(next);
    }
    // A key without a value has no place of its own.
    const isBlank = node === null || (isScalar(node) && node.source === "" && node.value === null);
    const place = key !== null && (what === "key" || isBlank) ? key : node;
    return place?.range?.[0] ?? 0;
  }

  #resolve(node: unknown): Node | null {
    if (!isNode(node)) return null;
    return this.#targets.get(node) ?? node;
  }
}

/** The parser's message in the form of this program's: a capital first, no full stop last. */
function sentence(message: string): string {
  return message.slice(0, 1).toUpperCase() + message.slice(1).replace(/\.+$/, "");
}
