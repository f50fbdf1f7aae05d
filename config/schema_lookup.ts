/**
 * What the schema says of a place in the file: which keys it may have, what they hold, and where a key belongs.
 *
 * @module
 */

import type { JsonSchema } from "./schema.ts";
import type { Path } from "./yaml_source.ts";

/** The simple schemas a schema with alternatives consists of; of those with a `type` the one that `value` names. */
export function alternatives(schema: JsonSchema, value: unknown): JsonSchema[] {
  const inner = schema.anyOf ?? schema.oneOf;
  if (inner === undefined) return [schema];
  const { examples } = schema;
  const all = inner.flatMap((one) =>
    alternatives(examples === undefined ? one : { ...one, examples }, value)
  );
  const type = isMapping(value) ? value.type : undefined;
  const named = all.filter(({ properties }) =>
    properties?.type?.const === undefined || properties.type.const === type
  );
  // Without a type that exists, any of them may be meant.
  return named.some(({ properties }) => properties !== undefined) ? named : all;
}

/** What may stand at `path` in a file that holds `value`. */
export function schemasAt(root: JsonSchema, path: Path, value: unknown): JsonSchema[] {
  let schemas = alternatives(root, value);
  let at = value;
  for (const part of path) {
    at = valueAt(at, [part]);
    schemas = schemas.flatMap((schema) => {
      const next = typeof part === "number" ? schema.items : schema.properties?.[String(part)];
      return next === undefined ? [] : alternatives(next, at);
    });
  }
  return schemas;
}

/** The keys that mappings of these schemas may have, and what they hold. */
export function keysOf(schemas: readonly JsonSchema[]): ReadonlyMap<string, readonly JsonSchema[]> {
  const keys = new Map<string, JsonSchema[]>();
  for (const { properties } of schemas) {
    for (const [key, schema] of Object.entries(properties ?? {})) {
      keys.set(key, [...keys.get(key) ?? [], schema]);
    }
  }
  return keys;
}

/** A place where a key may stand. */
export interface Home {
  /** Path of the mapping, for example `services[].health`; empty for the top of the file. */
  readonly path: string;
  /** What the key holds there. */
  readonly schema: JsonSchema;
}

/** Where each key of the schema belongs. */
export function homesOfKeys(root: JsonSchema): ReadonlyMap<string, readonly Home[]> {
  const homes = new Map<string, Home[]>();
  const visit = ({ properties = {}, items, anyOf = [], oneOf = [] }: JsonSchema, path: string): void => {
    for (const [key, schema] of Object.entries(properties)) {
      const known = homes.get(key) ?? [];
      if (!known.some((home) => home.path === path)) homes.set(key, [...known, { path, schema }]);
      visit(schema, path === "" ? key : `${path}.${key}`);
    }
    if (items !== undefined) visit(items, `${path}[]`);
    for (const schema of [...anyOf, ...oneOf]) visit(schema, path);
  };
  visit(root, "");
  return homes;
}

/** Whether a value is of a kind that one of the schemas allows: a list, a mapping, or neither. */
export function fits(value: unknown, schemas: readonly JsonSchema[]): boolean {
  if (value === null) return true;
  const kind = Array.isArray(value) ? "array" : isMapping(value) ? "object" : "scalar";
  return schemas.flatMap((schema) => alternatives(schema, value)).some(({ type }) =>
    kind === (type === "array" || type === "object" ? type : "scalar")
  );
}

/** The value at `path`; `undefined` if there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Readonly<Record<PropertyKey, unknown>>)[part];
  }
  return at;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
