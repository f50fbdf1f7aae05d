/**
 * YAML text → validated {@linkcode Config}, or every problem of it at once.
 *
 * @module
 */

import type { Config } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { buildConfig } from "./build_config.ts";
import { checkCluster } from "./cluster_checks.ts";
import { ConfigError, type ConfigProblem } from "./config_error.ts";
import { draftOf } from "./draft.ts";
import type { ConfigInput } from "./schema.ts";
import { checkSchema } from "./schema_problems.ts";
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
    problems.push(source.problem("empty", [], "Cannot use an empty configuration: add at least services"));
  } else if (source.hasValue) {
    const value = source.toValue();
    const schema = checkSchema(value, source);
    problems.push(...schema.problems);
    checkCluster(
      draftOf<ConfigInput>(value, schema.brokenPaths),
      (path) => source.line(path),
      (path, message) => problems.push(source.problem("conflict", path, message)),
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

async function readText(file: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new OperatorError(`Cannot read configuration "${file}": it is not UTF-8 text`, ExitCode.CONFIG, {
      cause,
      remedy: "Convert it, for example with iconv(1)",
    });
  }
}

function unreadable(file: string, cause: unknown): OperatorError {
  const subject = `Cannot read configuration "${file}"`;
  if (cause instanceof Deno.errors.NotFound) {
    return new OperatorError(`${subject}: there is no such file`, ExitCode.CONFIG, {
      cause,
      remedy: "Check the path",
    });
  }
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) {
    return new OperatorError(`${subject}: permission denied`, ExitCode.NO_PERMISSION, {
      cause,
      remedy: "Run as a user who may read it",
    });
  }
  if (cause instanceof Deno.errors.IsADirectory) {
    return new OperatorError(`${subject}: it is a directory`, ExitCode.CONFIG, {
      cause,
      remedy: "Name the file in it",
    });
  }
  return new OperatorError(`${subject}: ${cause instanceof Error ? cause.message : cause}`, ExitCode.CONFIG, {
    cause,
    remedy: "Check the path",
  });
}
