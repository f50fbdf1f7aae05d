/**
 * The configuration as it stands in the file with every refused value marked, so that what is left can still be
 * checked and all problems are found at once.
 *
 * @module
 */

import type { Path } from "./yaml_source.ts";

/** Stands where a value is missing or was refused. */
export const BROKEN: unique symbol = Symbol("broken");
export type Broken = typeof BROKEN;

/** `T` with any value possibly absent or broken. */
export type Draft<T> =
  | Broken
  | (T extends readonly (infer Item)[] ? readonly Draft<Item>[]
    : T extends object ? { readonly [Key in keyof T]?: Draft<T[Key]> | undefined }
    : T);

/** Copies `value`, with the values at `brokenPaths` replaced by {@linkcode BROKEN}. */
export function draftOf<T>(value: unknown, brokenPaths: readonly Path[]): Draft<T> {
  // Wrapped, so that the value as a whole can be broken as well.
  const root: Record<PropertyKey, unknown> = { value: copy(value) };
  for (const path of brokenPaths) {
    let at = root;
    let key: PropertyKey = "value";
    for (const part of path) {
      const next = at[key];
      if (typeof next !== "object" || next === null) break;
      at = next as Record<PropertyKey, unknown>;
      key = part;
    }
    at[key] = BROKEN;
  }
  return root.value as Draft<T>;
}

/** A deep copy in which nothing is shared: an alias shares its anchor's object, and only one may be broken. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)]));
}

/** The entries of a list; none if it is absent or broken. */
export function entries<T>(list: Draft<readonly T[]> | undefined): readonly Draft<T>[] {
  return Array.isArray(list) ? list : [];
}
