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
  type Pair,
  parseDocument,
  visit,
} from "yaml";
import { type ConfigProblem, type ConfigProblemCode, MOST_PROBLEMS } from "./config_error.ts";
import { quote } from "./reading.ts";
import { type SyntaxFlaw } from "./unclosed.ts";
import { syntaxFlaws } from "./syntax_flaws.ts";
import { isSecretKey, mask, maskLikelySecrets } from "./secrets.ts";

export type Path = readonly PropertyKey[];

/** Values a file may hold once its aliases are expanded; more is an alias bomb. */
const MOST_VALUES = 1_000_000;
/** Levels of nesting a file may have, aliases expanded; the configuration needs six. */
const MOST_LEVELS = 64;

const TOO_DEEP = `Cannot read more than ${MOST_LEVELS} levels of nesting: remove the surplus brackets`;

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
      // They are found here, with the line of the other one, and in linear time.
      uniqueKeys: false,
      // Stated, so that a %YAML 1.1 directive cannot turn `off` into false or 10:20 into a number.
      schema: "core",
    });
    const { errors, warnings } = this.#document;
    const structural = this.#structuralFlaw(this.#document);
    const lineOf = (offset: number): number => Math.max(this.#lineCounter.linePos(offset).line, 1);
    // Unclosed brackets would be told once a level.
    const until = structural?.message === TOO_DEEP ? structural.offset : Infinity;
    const told = [...errors, ...warnings].filter(({ pos }) => pos[0] < until);
    const causes = [syntaxFlaws(text, told, lineOf), structural === null ? [] : [structural]];
    const flaws = causes.find(({ length }) => length > 0) ?? this.#duplicateKeys(lineOf);
    this.syntaxProblems = flaws.map(({ offset, message }) => this.#problemAt(offset, "syntax", [], message));
    this.hasValue = structural === null && warnings.length === 0 && errors.length === 0;
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

  /** Gives a misspelt key of the mapping at `path` the name that was meant; it keeps its place. */
  renameKey(path: Path, from: string, to: string): void {
    const key = this.#pairOf(this.#nodeAt(path), from)?.key;
    if (isScalar(key)) key.value = to;
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

  #duplicateKeys(lineOf: (offset: number) => number): SyntaxFlaw[] {
    const flaws: SyntaxFlaw[] = [];
    visit(this.#document, {
      Map: (_, { items }) => {
        const firstAt = new Map<string, number>();
        for (const { key } of items) {
          if (!isScalar(key)) continue;
          const name = String(key.value ?? "");
          const offset = key.range?.[0] ?? 0;
          const first = firstAt.get(name);
          if (first === undefined) firstAt.set(name, offset);
          else if (flaws.length < MOST_PROBLEMS) {
            const where = `line ${lineOf(first)} has it already`;
            flaws.push({
              offset,
              message: `Cannot use key ${quote(name)} twice: ${where}, remove one of them`,
            });
          }
        }
      },
    });
    return flaws;
  }

  /** Resolves aliases and measures what they expand to, so that the value can be taken without risk. */
  #structuralFlaw(document: Document.Parsed): SyntaxFlaw | null {
    let flaw: SyntaxFlaw | null = null;
    const refuse = (node: Node, message: string): void => {
      // One is enough: those that follow are its consequences.
      flaw ??= { offset: node.range?.[0] ?? 0, message };
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
    return flaw;
  }

  #offset(path: Path, what: "key" | "value"): number {
    let node = this.#resolve(this.#document.contents);
    let key: Node | null = null;
    for (const part of path) {
      const pair = this.#pairOf(node, part);
      const next = isSeq(node) ? node.items[Number(part)] : pair?.value;
      const nextKey = isNode(pair?.key) ? pair.key : null;
      if (next === undefined && nextKey === null) return node?.range?.[0] ?? 0;
      key = nextKey;
      node = this.#resolve(next);
    }
    // A key without a value has no place of its own.
    const isBlank = node === null || (isScalar(node) && node.source === "" && node.value === null);
    const place = key !== null && (what === "key" || isBlank) ? key : node;
    return place?.range?.[0] ?? 0;
  }

  #nodeAt(path: Path): Node | null {
    let node = this.#resolve(this.#document.contents);
    for (const part of path) {
      node = this.#resolve(isSeq(node) ? node.items[Number(part)] : this.#pairOf(node, part)?.value);
    }
    return node;
  }

  /** The pair of a mapping that counts in its value: the last of duplicates. */
  #pairOf(node: Node | null, key: PropertyKey): Pair<unknown, unknown> | undefined {
    if (!isMap(node)) return undefined;
    return node.items.findLast((pair) => isScalar(pair.key) && String(pair.key.value ?? "") === String(key));
  }

  #resolve(node: unknown): Node | null {
    if (!isNode(node)) return null;
    return this.#targets.get(node) ?? node;
  }
}
