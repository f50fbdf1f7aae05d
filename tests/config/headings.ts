/**
 * The problems of a configuration as tests compare them.
 *
 * @module
 */

import { ConfigError } from "../../config/config_error.ts";
import { parseConfig } from "../../config/parse_config.ts";

/** What `parseConfig` has to say about `text`: the headings of its report, without source lines and carets. */
export function headings(text: string): string[] {
  try {
    parseConfig(text, "c.yaml");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ file, line, column, path, message }) =>
      `${file}:${line}:${column}: ${path}: ${message}`
    );
  }
  return [];
}

export const SERVERS = "  servers: [{ address: 192.0.2.21 }]\n";
/** A service that is right; what cases append to it begins in line 5. */
export const WEB = `services:\n- vip: 192.0.2.10\n  port: 80\n${SERVERS}`;

/** A file, and `line:column: path: message` of each of its problems, in their order. */
export interface ProblemCase {
  readonly what: string;
  readonly text: string;
  readonly problems: readonly string[];
}
