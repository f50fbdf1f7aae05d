/**
 * That the program which loads a method's rules is installed: else the role would find out half-way.
 *
 * @module
 */

import { installCommand } from "../../host/command.ts";
import { ExitCode } from "../../model/exit_code.ts";
import type { FilterProgram, HostState } from "../host_state.ts";
import type { Requirement } from "../requirement.ts";

/** The programs are installed; nothing to say of those that are. */
export function programsInstalled(
  { programs }: Pick<HostState, "programs">,
  needed: readonly FilterProgram[],
): Requirement[] {
  return needed.filter((program) => !programs.has(program)).map((program) => ({
    fact: `program ${program}`,
    found: "not installed",
    wanted: "installed",
    holds: false,
    why: "nothing else can load the rules of this method",
    steps: [],
    remedy: installCommand([program]),
    exitCode: ExitCode.UNAVAILABLE,
  }));
}
