/**
 * YAML text → validated {@linkcode Config}, or every problem of it at once.
 *
 * @module
 */

import type { Config } from "../model/config.ts";
import { buildConfig } from "./build_config.ts";
import { checkCluster } from "./cluster_checks.ts";
import { ConfigError, type ConfigProblem, MOST_PROBLEMS } from "./config_error.ts";
import { draftOf } from "./draft.ts";
import type { ConfigInput } from "./schema.ts";
import { readText } from "./read_text.ts";
import { checkSchema, emptyMessage } from "./schema_problems.ts";
import { YamlSource } from "./yaml_source.ts";

/**
 * Parses and validates a configuration.
 *
 * @param file What the problems name as their file; nothing is read.
 * @throws {ConfigError} If anything is wrong with it.
 */
export function parseConfig(text: string, file: string): Config {
  const source = new YamlSource(text, file);
  const problems: ConfigProblem[] = [...source.syntaxProblems];
  if (source.hasValue && source.isEmpty) {
    problems.push(source.problem("empty", [], emptyMessage()));
  } else if (source.hasValue) {
    const schema = checkSchema(source);
    problems.push(...schema.problems);
    checkCluster(
      draftOf<ConfigInput>(source.toValue(), schema.brokenPaths),
      (path) => source.line(path),
      (path, message) => {
        if (problems.length < MOST_PROBLEMS) problems.push(source.problem("conflict", path, message));
      },
    );
    if (schema.output !== null && problems.length === 0) return buildConfig(schema.output);
  }
  problems.sort((one, other) => one.line - other.line || one.column - other.column);
  throw new ConfigError(problems, source.printableText);
}

/**
 * Reads, parses and validates a configuration file.
 *
 * @throws {ConfigError} If anything is wrong with its content.
 * @throws {OperatorError} If it cannot be read.
 */
export async function loadConfig(file: string): Promise<Config> {
  return parseConfig(await readText(file), file);
}
