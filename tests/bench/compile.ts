/**
 * The C programs that lvsdr is measured against, and with.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Compiles `PROGRAM.c` of this folder and returns the path of the program.
 *
 * @param libraries As gcc(1) wants them, for example `-lpcap`.
 */
export function compile(program: string, directory: string, ...libraries: string[]): string {
  const output = `${directory}/${program}`;
  const source = fileURLToPath(new URL(`./${program}.c`, import.meta.url));
  execFileSync("gcc", ["-O2", "-Wall", "-Wextra", "-o", output, source, ...libraries], { stdio: "inherit" });
  return output;
}
