/**
 * The borders between folders, enforced: who may import whom, where pointers may exist, who may end the process.
 * Every rule is also shown a file that breaks it, so that a rule which stopped looking is noticed.
 *
 * @module
 */

import assert from "node:assert/strict";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

interface SourceFile {
  /** Path from the root of the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Finds what is wrong with files, one line a finding. */
type Rule = (files: readonly SourceFile[]) => string[];

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const MOST_LINES = 400;

/**
 * Areas each area may import, itself aside. The longest matching folder is a file's area; a part like
 * `datapath/wire` is open to whoever may import the whole.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  "model": [],
  "scheduler": ["model"],
  "config": ["model"],
  "health": ["model"],
  "ha": ["model"],
  "status": ["model"],
  "host": ["model"],
  "realserver": ["host", "config", "manifest", "model"],
  "lab": ["model", "host"],
  "datapath/wire": [],
  "datapath/ffi": ["model"],
  "datapath/xdp": ["datapath/wire", "datapath/ffi", "model"],
  "datapath": ["scheduler", "model"],
  "sentinel": ["config", "datapath", "host", "model", "status"],
  "sentinel/doctor": ["config", "director", "host", "model", "realserver", "sentinel", "status"],
  "director": [
    ...["config", "datapath", "ha", "health", "host", "manifest", "model", "scheduler", "sentinel", "status"],
  ],
  "main": ["director", "realserver", "lab", "sentinel", "config", "status", "model", "manifest"],
};

/** Source files the executable is made of. */
function shippedFiles(): SourceFile[] {
  return [...sourceFiles("")].filter(({ path }) => !path.startsWith("tests/"));
}

function* sourceFiles(folder: string): Generator<SourceFile> {
  for (const entry of Deno.readDirSync(ROOT + folder)) {
    const path = folder + entry.name;
    if (entry.isDirectory && !entry.name.startsWith(".") && !["dist", "node_modules"].includes(entry.name)) {
      yield* sourceFiles(`${path}/`);
    } else if (entry.isFile && /\.tsx?$/.test(entry.name)) {
      yield { path, text: Deno.readTextFileSync(ROOT + path) };
    }
  }
}

/** The program text without comments; strings stay. */
function withoutComments(text: string): string {
  return text.replace(
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[^]*?\*\/|\/\/[^\n]*/g,
    (token) => token.startsWith("/") ? " " : token,
  );
}

/** Project files that `file` imports, statically, for types only, lazily or as a Worker. */
function imports(file: SourceFile): string[] {
  const text = withoutComments(file.text);
  const patterns = [
    /\b(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']/g,
    /\bimport\s*["']([^"']+)["']/g,
    /\bimport\s*\(\s*["']([^"']+)["']/g,
    /\bnew\s+Worker\s*\(\s*new\s+URL\s*\(\s*["']([^"']+)["']/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]!))
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => posix.join(posix.dirname(file.path), specifier));
}

/** The area a path belongs to, or `null` if no rule knows it. */
function areaOf(path: string): string | null {
  if (path === "main.ts") return "main";
  if (path === "deno.json") return "manifest";
  const areas = Object.keys(ARROWS).filter((area) => path.startsWith(`${area}/`));
  return areas.sort((a, b) => b.length - a.length)[0] ?? null;
}

function mayImport(from: string, to: string): boolean {
  return [from, ...ARROWS[from] ?? []].some((allowed) => to === allowed || to.startsWith(`${allowed}/`));
}

const followsArrows: Rule = (files) =>
  files.flatMap((file) => {
    const from = areaOf(file.path);
    if (from === null) return [`${file.path} is in no known folder`];
    return imports(file).filter((target) => {
      const to = areaOf(target);
      return to === null || !mayImport(from, to);
    }).map((target) => `${file.path} must not import ${target}`);
  });

const hasNoCycles: Rule = (files) => {
  const targets = new Map(files.map((file) => [file.path, imports(file)]));
  const finished = new Set<string>();
  const findings: string[] = [];
  function visit(path: string, trail: readonly string[]): void {
    if (trail.includes(path)) {
      findings.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
    } else if (!finished.has(path)) {
      for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
      finished.add(path);
    }
  }
  for (const path of targets.keys()) visit(path, []);
  return findings;
};

/** A rule that words matching `word` occur only in files that `isAllowed`. */
function confines(word: RegExp, isAllowed: (path: string) => boolean): Rule {
  return (files) =>
    files.filter((file) => !isAllowed(file.path)).flatMap((file) => {
      const found = withoutComments(file.text).match(word);
      return found === null ? [] : [`${file.path} must not use ${found[0]}`];
    });
}

const keepsPointersInFfi = confines(
  /\bDeno\.(?:dlopen|Unsafe\w*|Pointer(?:Value|Object))\b/,
  (path) => path.startsWith("datapath/ffi/"),
);
const exitsOnlyInMain = confines(/\bDeno\.exit\b/, (path) => path === "main.ts");
const keepsSchedulersPure = confines(
  /\bDeno\b|\bMath\.random\b|\bDate\b|\bperformance\b|\bcrypto\b|\bsetTimeout\b|\bsetInterval\b|\bfetch\b/,
  (path) => !path.startsWith("scheduler/"),
);

const hasModuleDoc: Rule = (files) =>
  files.filter((file) => !/^\/\*\*(?:(?!\*\/)[^])*@module\b(?:(?!\*\/)[^])*\*\//.test(file.text))
    .map((file) => `${file.path} does not begin with a module doc`);

const isShort: Rule = (files) =>
  files.map((file) => ({ path: file.path, lines: file.text.trimEnd().split("\n").length }))
    .filter(({ lines }) => lines > MOST_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines, more than ${MOST_LINES}`);

interface NamedRule {
  readonly name: string;
  readonly rule: Rule;
  readonly files: () => SourceFile[];
  /** Files that break the rule, each with its finding. */
  readonly planted: readonly (readonly [SourceFile[], string])[];
}

function source(path: string, text: string): SourceFile[] {
  return [{ path, text }];
}

const RULES: readonly NamedRule[] = [
  {
    name: "imports follow the arrows between folders",
    rule: followsArrows,
    files: shippedFiles,
    planted: [
      [
        source("model/a.ts", 'import type { A } from "../config/a.ts";'),
        "model/a.ts must not import config/a.ts",
      ],
      [
        source("datapath/wire/a.ts", 'export * from "../a.ts";'),
        "datapath/wire/a.ts must not import datapath/a.ts",
      ],
      [
        source("director/a.ts", 'await import("../lab/a.ts");'),
        "director/a.ts must not import lab/a.ts",
      ],
      [source("lab/a.ts", 'import "../main.ts";'), "lab/a.ts must not import main.ts"],
      [
        source("host/a.ts", 'new Worker(new URL("../datapath/worker.ts", import.meta.url));'),
        "host/a.ts must not import datapath/worker.ts",
      ],
      [source("common/a.ts", ""), "common/a.ts is in no known folder"],
    ],
  },
  {
    name: "no file imports itself through others",
    rule: hasNoCycles,
    files: shippedFiles,
    planted: [[
      [
        ...source("config/a.ts", 'import { b } from "./b.ts";'),
        ...source("config/b.ts", 'import type { a } from "./a.ts";'),
      ],
      "config/a.ts → config/b.ts → config/a.ts",
    ]],
  },
  {
    name: "pointers and dlopen stay in datapath/ffi",
    rule: keepsPointersInFfi,
    files: shippedFiles,
    planted: ["dlopen", "UnsafePointer", "UnsafePointerView", "PointerValue", "PointerObject"].map((word) => [
      source("datapath/a.ts", `let a = Deno.${word};`),
      `datapath/a.ts must not use Deno.${word}`,
    ]),
  },
  {
    name: "only main.ts ends the process",
    rule: exitsOnlyInMain,
    files: shippedFiles,
    planted: [[source("lab/a.ts", "Deno.exit(1);"), "lab/a.ts must not use Deno.exit"]],
  },
  {
    name: "schedulers have no clock, no chance and no I/O",
    rule: keepsSchedulersPure,
    files: shippedFiles,
    planted: ["Math.random", "Date", "performance", "Deno"].map((word) => [
      source("scheduler/a.ts", `const a = ${word}.now();`),
      `scheduler/a.ts must not use ${word}`,
    ]),
  },
  {
    name: "every shipped file begins with a module doc",
    rule: hasModuleDoc,
    files: shippedFiles,
    planted: [
      [source("model/a.ts", "export const A = 1;"), "model/a.ts does not begin with a module doc"],
      [source("model/a.ts", "/** A. */\n/** @module */"), "model/a.ts does not begin with a module doc"],
    ],
  },
  {
    name: `no file is longer than ${MOST_LINES} lines`,
    rule: isShort,
    files: () => [...sourceFiles("")],
    planted: [[
      source("model/a.ts", "a;\n".repeat(MOST_LINES + 1)),
      `model/a.ts has ${MOST_LINES + 1} lines, more than ${MOST_LINES}`,
    ]],
  },
];

for (const { name, rule, files, planted } of RULES) {
  Deno.test(`Architecture: ${name}`, () => {
    const read = files();
    assert(read.some(({ path }) => path === "main.ts"), "main.ts must be among the files that are read");
    assert.deepEqual(rule(read), []);
  });

  Deno.test(`Architecture notices a planted violation: ${name}`, () => {
    for (const [breaking, finding] of planted) assert.deepEqual(rule(breaking), [finding]);
  });
}

Deno.test("Architecture rules do not look into comments", () => {
  const file = source(
    "scheduler/a.ts",
    '/* Deno.dlopen */ const a = "/*"; // import "../main.ts"; Date.now()',
  );
  assert.deepEqual(
    [followsArrows, keepsPointersInFfi, keepsSchedulersPure].flatMap((rule) => rule(file)),
    [],
  );
});
