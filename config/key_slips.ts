/**
 * Keys that are slips of known ones. Each is one problem, told once: its value is then read as that of the key that
 * was meant, so that nothing is said to be missing, and whatever is wrong inside is found as well.
 *
 * @module
 */

import { type ConfigProblem, MOST_PROBLEMS } from "./config_error.ts";
import { meantWord } from "./other_words.ts";
import { quote } from "./reading.ts";
import type { JsonSchema } from "./schema.ts";
import { alternatives, fits, homesOfKeys, isMapping, keysOf, valueAt } from "./schema_lookup.ts";
import { type Path, pathText, type YamlSource } from "./yaml_source.ts";

/** What became of the keys that the schema does not know. */
export interface KeySlips {
  readonly problems: readonly ConfigProblem[];
  /** Paths, as text and with the names that are meant, of keys that are dealt with by {@linkcode problems}. */
  readonly told: ReadonlySet<string>;
  /** Paths of known keys that are not there, and that nobody should miss: a slip stands for them. */
  readonly excused: readonly Path[];
}

interface Rename {
  readonly path: Path;
  readonly from: string;
  readonly to: string;
}

/** Finds slips in `value`, and gives their keys the meant names in `source`, whose value is to be taken anew. */
export function mendKeySlips(value: unknown, source: YamlSource, root: JsonSchema): KeySlips {
  const problems: ConfigProblem[] = [];
  const told: Path[] = [];
  const excused: Path[] = [];
  const renames: Rename[] = [];
  const homes = homesOfKeys(root);

  /** @param path As it is in the file. */
  const tell = (path: Path, message: string): void => {
    told.push(path);
    if (problems.length === MOST_PROBLEMS) return;
    problems.push(source.keyProblem("unknown_key", path, message));
  };

  const walk = (at: unknown, schemas: readonly JsonSchema[], path: Path): void => {
    const possible = schemas.flatMap((schema) => alternatives(schema, at));
    if (Array.isArray(at)) {
      const items = possible.flatMap((schema) => schema.items ?? []);
      if (items.length > 0) at.forEach((item, i) => walk(item, items, [...path, i]));
    } else if (isMapping(at) && possible.some(({ properties }) => properties !== undefined)) {
      walkMapping(at, keysOf(possible), path);
    }
  };

  const walkMapping = (
    at: Readonly<Record<string, unknown>>,
    known: ReadonlyMap<string, readonly JsonSchema[]>,
    path: Path,
  ): void => {
    const absent = new Set([...known.keys()].filter((key) => !Object.hasOwn(at, key)));
    const excuse = (key: string): void => {
      absent.delete(key);
      // Of a service with one of them nobody misses the other one.
      const instead = EITHER_OR[key];
      if (instead === undefined || !Object.hasOwn(at, instead)) excused.push([...path, key]);
    };
    const isAnother = absent.size === known.size &&
      Object.keys(at).some((key) => homes.has(key));
    let wasMeant = false;
    for (const [key, inner] of Object.entries(at)) {
      const own = known.get(key);
      if (own !== undefined) {
        walk(inner, own, [...path, key]);
        continue;
      }
      const glued = gluedKey(key, [...absent]);
      const meant = glued ?? meantWord(key, [...absent]);
      if (key === "<<") {
        tell([...path, key], MERGE);
        for (const one of [...absent]) excuse(one);
      } else if (meant === null) {
        // It will be told where it belongs: at the top it is not missed.
        if (root.required?.includes(key) && valueAt(value, [key]) === undefined) excused.push([key]);
        continue;
      } else if (glued !== null) {
        tell(
          [...path, key],
          `Unknown key ${quote(key)}: write ${quote(separated(key))}, with a space behind the colon`,
        );
        excuse(meant);
      } else if (fits(inner, known.get(meant)!)) {
        tell([...path, key], `Unknown key ${quote(key)}: did you mean "${meant}"?`);
        absent.delete(meant);
        renames.push({ path, from: key, to: meant });
        walk(inner, known.get(meant)!, [...path, key]);
      } else if (!homes.has(key)) {
        tell([...path, key], `Unknown key ${quote(key)}: did you mean "${meant}"?`);
        excuse(meant);
      } else continue;
      wasMeant = true;
    }
    // With none of the keys it should have it is something else in the wrong place, and misses nothing.
    if (isAnother && !wasMeant) { for (const key of [...absent]) excuse(key); }
  };

  walk(value, [root], []);
  // Deepest first: a path holds the names that are in the file.
  for (const { path, from, to } of renames.toReversed()) source.renameKey(path, from, to);
  const meant = new Map(renames.map(({ path, from, to }) => [pathText([...path, from]), to]));
  const renamed = (path: Path): Path =>
    path.map((part, i) => meant.get(pathText(path.slice(0, i + 1))) ?? part);
  return {
    problems,
    told: new Set(told.map((path) => pathText(renamed(path)))),
    excused: excused.map(renamed),
  };
}

/** Keys of which a service has one. */
const EITHER_OR: Readonly<Record<string, string>> = { port: "ports", ports: "port" };

const MERGE =
  "Cannot merge keys with <<: repeat them here, or write an alias as the value of one key such as servers: *NAME";

/** The known key of `vip:192.0.2.10` or `vip=192.0.2.10`, which are no key and value for want of a space or colon. */
function gluedKey(key: string, known: readonly string[]): string | null {
  const word = /^([\w-]+)(?::|\s*=)/.exec(key)?.[1];
  return word === undefined ? null : meantWord(word, known);
}

function separated(key: string): string {
  return key.replace(/^([\w-]+)(?::|\s*=)\s*/, "$1: ");
}
