/**
 * What a lab needs of the machine, looked for before anything is built.
 *
 * @module
 */

import { installCommand, isInstalled, searchPath } from "../host/command.ts";
import type { Method } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";

/** Lets this process and its children find administration programs, which an ordinary user's PATH often lacks. */
export function extendPath(): void {
  Deno.env.set("PATH", searchPath().join(":"));
}

/**
 * Makes sure that every program the lab uses is installed.
 *
 * @param method Some ways of hardening need a program of their own.
 * @throws {OperatorError} If one is missing; names all that are.
 */
export function requirePrograms(method: Method | "auto"): void {
  const programs = ["ip", "nft", "curl", "tcpdump", "bash", "sysctl"];
  if (method === "arptables") programs.push("arptables");
  if (Deno.uid() !== 0) programs.push("unshare");
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  const noun = missing.length === 1 ? "a program that is" : "programs that are";
  throw new OperatorError(
    `The lab needs ${noun} not installed: ${missing.join(", ")}`,
    ExitCode.UNAVAILABLE,
    { remedy: installCommand(missing) },
  );
}
