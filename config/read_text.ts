/**
 * The configuration file as text, or why it is none.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import { shellWord } from "../model/shell_word.ts";

/** Bytes a file may have: room for as many values as a configuration can, so that only what is none has more. */
const MOST_MEBIBYTES = 64;
const MOST_BYTES = MOST_MEBIBYTES * 1_024 * 1_024;

/**
 * Reads a text file.
 *
 * @throws {OperatorError} If it cannot be read, or is not UTF-8 text.
 */
export async function readText(file: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readBytes(file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  if (bytes.length > MOST_BYTES) {
    throw refusal(
      file,
      `it is larger than ${MOST_MEBIBYTES} MiB`,
      `Name a configuration, in YAML and of at most ${MOST_MEBIBYTES} MiB`,
    );
  }
  const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe || bytes[0] === 0xfe && bytes[1] === 0xff;
  if (utf16) throw refusal(file, "it is UTF-16 text", `Convert it: ${conversion(file, "UTF-16")}`);
  const nul = bytes.indexOf(0);
  if (nul !== -1) {
    throw refusal(
      file,
      `it is not text, there is a NUL byte in line ${lineOf(bytes, nul)}`,
      "Name a configuration, in YAML",
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw refusal(
      file,
      `it is not UTF-8 text, see line ${lineOf(bytes, validLength(bytes))}`,
      `If it is Latin-1, convert it: ${conversion(file, "ISO-8859-1")}`,
      cause,
    );
  }
}

/** Reads a file up to one byte more than it may have; it may be a pipe, or have no end. */
async function readBytes(file: string): Promise<Uint8Array> {
  using opened = await Deno.open(file);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const chunk = new Uint8Array(65_536);
  while (length <= MOST_BYTES) {
    const count = await opened.read(chunk);
    if (count === null) break;
    chunks.push(chunk.slice(0, count));
    length += count;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of chunks) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Bytes in front of the first that is not UTF-8. */
function validLength(bytes: Uint8Array): number {
  let [valid, invalid] = [0, bytes.length];
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >>> 1;
    if (isValidPrefix(bytes.subarray(0, middle))) valid = middle;
    else invalid = middle;
  }
  return valid;
}

/** Whether bytes are UTF-8, or the beginning of it: a character may be cut at the end. */
function isValidPrefix(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Line, counted from 1, of a byte. */
function lineOf(bytes: Uint8Array, offset: number): number {
  return bytes.subarray(0, offset).reduce((line, byte) => byte === 0x0a ? line + 1 : line, 1);
}

/** Converts a file in place, whose owner and mode stay: there may be secrets in it. */
function conversion(file: string, encoding: string): string {
  const [from, to] = [shellWord(`${file}.old`), shellWord(file)];
  return `cp ${to} ${from} && iconv -f ${encoding} -t UTF-8 ${from} >${to}`;
}

function refusal(file: string, why: string, remedy: string, cause?: unknown): OperatorError {
  return new OperatorError(`Cannot read configuration "${file}": ${why}`, ExitCode.CONFIG, { cause, remedy });
}

function unreadable(file: string, cause: unknown): OperatorError {
  if (cause instanceof Deno.errors.NotFound) {
    return refusal(file, "there is no such file", "Check the path", cause);
  }
  if (cause instanceof Deno.errors.IsADirectory) {
    return refusal(file, "it is a directory", `Name a file in it, see: ls ${shellWord(file)}`, cause);
  }
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) {
    return new OperatorError(
      `Cannot read configuration "${file}": permission denied`,
      ExitCode.NO_PERMISSION,
      { cause, remedy: `Run as a user who may read it, see: ls -l ${shellWord(file)}` },
    );
  }
  return refusal(file, cause instanceof Error ? cause.message : String(cause), "Check the path", cause);
}
