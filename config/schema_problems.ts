/**
 * From what the schema refuses to problems with a place, a plain message and a remedy.
 *
 * @module
 */

import { z } from "zod";
import { type ConfigProblem, type ConfigProblemCode, MOST_PROBLEMS } from "./config_error.ts";
import { cureFor, exampleOf, keyPath } from "./cures.ts";
import { isComplaint } from "./fields.ts";
import { mendKeySlips } from "./key_slips.ts";
import { lookAlike } from "./look_alikes.ts";
import { meantWord } from "./other_words.ts";
import { found, quote } from "./reading.ts";
import { configSchema, type JsonSchema, jsonSchema } from "./schema.ts";
import { fits, type Home, homesOfKeys, isMapping, keysOf, schemasAt, valueAt } from "./schema_lookup.ts";
import { isSecretKey } from "./secrets.ts";
import { type Path, pathText, type YamlSource } from "./yaml_source.ts";

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** How an operator calls the types of the schema. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  object: "a mapping of keys",
};

/** Says of a file without a value what to write. */
export function emptyMessage(): string {
  return `Cannot use an empty configuration: add services: ${
    exampleOf(schemasAt(jsonSchema(), ["services"], null))
  }`;
}

/** A variable of a shell or of a template. */
const VARIABLE = /\$\w|\$\{|\{\{/;

/** What checking a value against the schema gives. */
export interface SchemaResult {
  /** The configuration, or `null` if there is any problem. */
  readonly output: z.output<typeof configSchema> | null;
  readonly problems: readonly ConfigProblem[];
  /** Paths of the values that are missing or refused. */
  readonly brokenPaths: readonly Path[];
}

/**
 * Checks the value of `source` against the schema.
 *
 * A misspelt key gets the name that was meant in `source`, so that its value can be taken from there.
 */
export function checkSchema(source: YamlSource): SchemaResult {
  const first = configSchema.safeParse(source.toValue(), { error: message });
  if (first.success) return { output: first.data, problems: [], brokenPaths: [] };
  const schema = jsonSchema();
  const { problems: slips, told, excused } = mendKeySlips(source.toValue(), source, schema);
  const value = source.toValue();
  const problems: ConfigProblem[] = [...slips];
  const brokenPaths: Path[] = [...excused];
  const reported = new Set(excused.map(pathText));
  const issues = configSchema.safeParse(value, { error: message }).error?.issues ?? [];
  for (const issue of issues.flatMap(withoutUnions)) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        const path = [...issue.path, key];
        if (problems.length >= MOST_PROBLEMS) break;
        if (told.has(pathText(path))) continue;
        problems.push(source.keyProblem("unknown_key", path, unknownKeyMessage(path, value, schema)));
      }
      continue;
    }
    // One value, one problem: a number can be fractional and too small at the same time.
    const path = pathText(issue.path);
    if (reported.has(path)) continue;
    reported.add(path);
    brokenPaths.push(issue.path);
    if (problems.length >= MOST_PROBLEMS) continue;
    const found = valueAt(value, issue.path);
    problems.push(
      source.problem(
        issueCode(issue, found),
        issue.path,
        valueMessage(issue.message, issue.path, value, schema),
      ),
    );
  }
  return { output: null, problems, brokenPaths };
}

/** The message about a value, with what to write instead if it does not say so itself. */
function valueMessage(complaint: string, path: Path, root: unknown, schema: JsonSchema): string {
  const value = valueAt(root, path);
  const schemas = schemasAt(schema, path, root);
  const parent = schemasAt(schema, path.slice(0, -1), root);
  const isRequired = typeof path.at(-1) === "number" ||
    parent.some(({ required = [] }) => required.includes(String(path.at(-1))));
  const isSecret = path.some((part) => typeof part === "string" && isSecretKey(part));
  if (value === undefined) {
    // An example would be copied, and be everybody's secret.
    if (isSecret) {
      return `Cannot do without this key: add ${
        String(path.at(-1))
      }: with the output of: openssl rand -hex 16`;
    }
    const words = schemas.flatMap((schema) => schema.const ?? []);
    const example = exampleOf(schemas) ?? oneOf(words);
    return `Cannot do without this key: add ${String(path.at(-1))}: ${example}`;
  }
  // Its complaint is all that may be said of it: it repeats nothing.
  if (isSecret) return complaint;
  if (typeof value === "string") {
    const foreign = lookAlike(value);
    if (foreign !== null) return `Cannot use ${foreign.name}: ${foreign.remedy}`;
    if (VARIABLE.test(value)) {
      return `Cannot fill in ${quote(value)}: nothing is replaced in this file, write the value itself`;
    }
  }
  return isComplaint(complaint) ? `${complaint}: ${cureFor(path, schemas, value, isRequired)}` : complaint;
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
      return `Expected ${TYPE_NAMES[issue.expected] ?? issue.expected}, found ${found(input)}`;
    case "invalid_value":
      return `Expected ${oneOf(issue.values.map(String))}, found ${found(input)}`;
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
    return `Expected tcp, http or dr, found ${found(given)}`;
  }
  const messages = issue.errors.flat().filter(({ path }) => path.length === 0).map(({ message }) => message);
  // Words with a remedy are more to the point than a list of what else could stand there.
  const wanted = messages.filter(isComplaint);
  const reading = messages.find((message) => !wanted.includes(message));
  if (reading !== undefined) return reading;
  const kinds = wanted.map((message) => message.replace(/^Expected /, "").replace(/, found .*$/s, ""));
  return `Expected ${oneOf([...new Set(kinds)])}, found ${found(input)}`;
}

function oneOf(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} or ${last}`;
}

/** How an operator finds the place of the keys that belong to nothing else. */
const TOP = "the top of the file (without indentation)";

/** Whether a home can take a value: it is of the right kind, and a mapping has no other keys than it takes there. */
function isAtHome(value: unknown, { schema }: Home): boolean {
  const known = keysOf(schemasAt(schema, [], value));
  return fits(value, [schema]) && (!isMapping(value) || Object.keys(value).every((key) => known.has(key)));
}

/** A key that is no slip of one that could stand here: where it belongs, or what else can stand here. */
function unknownKeyMessage(path: Path, root: unknown, schema: JsonSchema): string {
  const key = String(path.at(-1));
  const foreign = lookAlike(key);
  if (foreign !== null) return `Cannot use ${foreign.name} in a key: ${foreign.remedy}`;
  const mapping = path.slice(0, -1);
  const known = [...keysOf(schemasAt(schema, mapping, root)).keys()];
  const subject = `Unknown key ${quote(key)}`;
  const homes = homesOfKeys(schema).get(key) ?? [];
  if (homes.some(({ path }) => path === keyPath(mapping))) {
    const type = (valueAt(root, mapping) as { readonly type?: unknown }).type;
    return `${subject} with type ${String(type)}: remove it, known keys here are ${known.join(", ")}`;
  }
  if (homes.length > 0) {
    const fitting = homes.filter((home) => isAtHome(valueAt(root, path), home));
    const places = (fitting.length > 0 ? fitting : homes).map(({ path }) => path === "" ? TOP : path);
    return `${subject}: move it to where it belongs, ${oneOf(places)}`;
  }
  const meant = meantWord(key, known);
  if (meant !== null) return `${subject}: "${meant}" is here already, remove one of them`;
  return `${subject}: remove it, known keys here are ${known.join(", ")}`;
}
