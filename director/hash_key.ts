/**
 * The secret that hash schedulers choose by. Directors that must choose alike share it in the configuration; one
 * that is alone makes it once and keeps it, so that it chooses alike after a restart.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";

const KEY_WORDS = 4;
const FORM = /^[0-9a-f]{32}$/i;

/**
 * The four words of the key that is configured or, if none is, kept in `path`, where it is made if need be.
 *
 * @throws {OperatorError} If the file cannot be used.
 */
export function hashKey(configured: string | null, path: string): Uint32Array {
  return wordsOf(configured ?? keptKey(path) ?? newKey(path));
}

function keptKey(path: string): string | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(path).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw unusable(path, error);
  }
  if (FORM.test(text)) return text;
  throw new OperatorError(`File "${path}" is damaged: it must hold 32 hexadecimal digits`, ExitCode.FAILED, {
    remedy: "Remove it, or set director.hash_key; hash schedulers will then choose other servers",
  });
}

function newKey(path: string): string {
  const words = [...crypto.getRandomValues(new Uint32Array(KEY_WORDS))];
  const text = words.map((word) => word.toString(16).padStart(8, "0")).join("");
  const fresh = `${path}.new`;
  try {
    // One that a crash has left may have another mode.
    Deno.removeSync(fresh);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw unusable(fresh, error);
  }
  try {
    Deno.writeTextFileSync(fresh, `${text}\n`, { mode: 0o600, createNew: true });
    Deno.renameSync(fresh, path);
  } catch (error) {
    throw unusable(path, error);
  }
  return text;
}

function unusable(path: string, cause: unknown): OperatorError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OperatorError(`Cannot use file "${path}": ${reason}`, ExitCode.UNAVAILABLE, {
    cause,
    remedy: "Make it readable, remove it, or set director.hash_key",
  });
}

function wordsOf(text: string): Uint32Array {
  return Uint32Array.from(
    { length: KEY_WORDS },
    (_, word) => parseInt(text.slice(word * 8, word * 8 + 8), 16),
  );
}
