/**
 * From what the schema refuses to problems with a place, a plain message and a remedy.
 *
 * @module
 */

import { z } from "zod";
import type { ConfigProblem, ConfigProblemCode } from "./config_error.ts";
import { nearestWord } from "./nearest_word.ts";
import { found, quote } from "./reading.ts";
import { configSchema, type JsonSchema, jsonSchema } from "./schema.ts";
import { type Path, pathText, type YamlSource } from "./yaml_source.ts";

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** How an operator calls the types of the schema. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  object: "a mapping of keys",
};

/** What checking a value against the schema gives. */
export interface SchemaResult {
  /** The configuration, or `null` if there is any problem. */
  readonly output: z.output<typeof configSchema> | null;
  readonly problems: readonly ConfigProblem[];
  /** Paths of the values that are missing or refused. */
  readonly brokenPaths: readonly Path[];
}

/** Checks the value of `source` against the schema. */
export function checkSchema(value: unknown, source: YamlSource): SchemaResult {
  const result = configSchema.safeParse(value, { error: message });
  if (result.success) return { output: result.data, problems: [], brokenPaths: [] };
  const schema = jsonSchema();
  const problems: ConfigProblem[] = [];
  const brokenPaths: Path[] = [];
  const reported = new Set<string>();
  for (const issue of result.error.issues.flatMap(withoutUnions)) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        const path = [...issue.path, key];
        problems.push(
          source.keyProblem(
            "unknown_key",
            path,
            unknownKeyMessage(key, knownKeys(schema, issue.path, value)),
          ),
        );
      }
      continue;
    }
    // One value, one problem: a number can be fractional and too small at the same time.
    const path = pathText(issue.path);
    if (reported.has(path)) continue;
    reported.add(path);
    brokenPaths.push(issue.path);
    const code = issueCode(issue, valueAt(value, issue.path));
    problems.push(source.problem(code, issue.path, issue.message));
  }
  return { output: null, problems, brokenPaths };
}

/** The issues of the alternative that was meant; the issue itself if none or no single one was. */
function withoutUnions(issue: Issue): Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  const meant = issue.errors.filter((issues) =>
    !issues.some(({ path, code }) =>
      path.length === 0 && (code === "invalid_type" || code === "invalid_value")
    )
  );
  const [only] = meant;
  if (only === undefined || meant.length > 1) return [issue];
  return only.flatMap((inner) => withoutUnions({ ...inner, path: [...issue.path, ...inner.path] }));
}

function issueCode(issue: Issue, value: unknown): ConfigProblemCode {
  if (value === undefined) return "missing_key";
  return issue.code === "invalid_type" ? "wrong_type" : "wrong_value";
}

/** Words for the issues whose field brings none of its own. */
function message(issue: RawIssue): string | undefined {
  const { input } = issue;
  switch (issue.code) {
    case "invalid_type":
      if (input === undefined) return "Cannot do without this key: add it";
      return `Expected ${TYPE_NAMES[issue.expected] ?? issue.expected}, found ${found(input)}`;
    case "invalid_value": {
      if (input === undefined) return "Cannot do without this key: add it";
      const values = issue.values.map(String);
      const nearest = typeof input === "string" ? nearestWord(input, values) : null;
      const hint = nearest === null ? "" : `, did you mean "${nearest}"?`;
      return `Expected ${oneOf(values)}, found ${found(input)}${hint}`;
    }
    case "too_small":
      return "Expected at least one entry, found an empty list";
    case "too_big":
      return `Expected at most ${issue.maximum} entries, found ${
        Array.isArray(input) ? input.length : found(input)
      }`;
    case "invalid_union":
      return unionMessage(issue, input);
    default:
      return undefined;
  }
}

function unionMessage(issue: RawIssue & { readonly code: "invalid_union" }, input: unknown): string {
  if (issue.discriminator !== undefined) {
    const given = (input as Readonly<Record<string, unknown>>)[issue.discriminator];
    if (given === undefined) return "Cannot do without this key: write tcp, http or dr";
    return `Expected tcp, http or dr, found ${found(given)}`;
  }
  const wanted = issue.errors.flat().filter(({ path }) => path.length === 0).map(({ message }) =>
    message.replace(/^Expected /, "").replace(/, found .*$/s, "")
  );
  return `Expected ${oneOf([...new Set(wanted)])}, found ${found(input)}`;
}

function oneOf(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} or ${last}`;
}

function unknownKeyMessage(key: string, known: readonly string[]): string {
  const nearest = nearestWord(key, known);
  if (nearest !== null) return `Unknown key ${quote(key)}: did you mean "${nearest}"?`;
  return `Unknown key ${quote(key)}: remove it, known keys here are ${known.join(", ")}`;
}

/** Keys the mapping at `path` may have. */
function knownKeys(root: JsonSchema, path: Path, value: unknown): string[] {
  let schemas = [root];
  let at = value;
  const alternatives = (schema: JsonSchema): JsonSchema[] => {
    const inner = schema.anyOf ?? schema.oneOf;
    if (inner === undefined) return [schema];
    const type = typeof at === "object" && at !== null
      ? (at as Readonly<Record<string, unknown>>).type
      : undefined;
    return inner.flatMap(alternatives).filter(({ properties }) =>
      properties?.type?.const === undefined || properties.type.const === type
    );
  };
  for (const part of path) {
    schemas = schemas.flatMap((schema) => {
      const next = typeof part === "number" ? schema.items : schema.properties?.[String(part)];
      return next === undefined ? [] : [next];
    });
    at = valueAt(at, [part]);
    schemas = schemas.flatMap(alternatives);
  }
  return [...new Set(schemas.flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Readonly<Record<PropertyKey, unknown>>)[part];
  }
  return at;
}
