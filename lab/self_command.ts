/**
 * How this very program is started again.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/**
 * Words of a command line that starts lvsdr with `args`: the compiled executable, or Deno with `main.ts`.
 *
 * @returns At least one word, the first of which is a path.
 */
export function selfCommand(args: readonly string[]): [program: string, ...args: string[]] {
  if (Deno.build.standalone) return [Deno.execPath(), ...args];
  const [main, config] = ["../main.ts", "../deno.json"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url))
  );
  // The permissions are those that deno.json declares.
  return [Deno.execPath(), "run", "--quiet", "--config", config!, "--permission-set", main!, ...args];
}

/** The same as a person would type it: the path of the executable, or the task in the project's folder. */
export function selfCommandForPeople(): string {
  return Deno.build.standalone ? Deno.execPath() : "./dev run";
}
