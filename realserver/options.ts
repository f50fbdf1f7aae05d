/**
 * What `lvsdr realserver` can be asked for, and which of it goes together. An option that would have no effect is
 * refused: whoever gave it expects one.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { OperatorError } from "../model/operator_error.ts";
import type { TaskOptions } from "./task.ts";

export interface RealServerOptions extends TaskOptions {
  /** Apply, verify and return, leaving everything in force. */
  readonly once: boolean;
  /** Only audit. */
  readonly check: boolean;
  /** Only print the plan. */
  readonly print: boolean;
  /** Only take back what an earlier run left. */
  readonly undo: boolean;
  /** Report drift while holding, and do not repair it. */
  readonly noRepair: boolean;
  /** Print the audit or the plan as JSON. */
  readonly json: boolean;
  /** Folder of the undo journal. */
  readonly runDir: string;
}

const MODES = ["once", "check", "print", "undo"] as const;

/**
 * Passes if every option that was given has an effect.
 *
 * @throws {OperatorError} Otherwise, or if no VIP is given where one is needed.
 */
export function assertConsistent(options: RealServerOptions): void {
  const modes = MODES.filter((mode) => options[mode]).map((mode) => `--${mode}`);
  if (modes.length > 1) throw usage(`Cannot use ${modes.join(" and ")} together`, "Choose one of them");
  const [mode = null] = modes;
  const given = givenOptions(options);
  if (options.undo && given.length > 0) {
    throw usage(
      `Cannot use ${given[0]} and --undo together`,
      `Remove ${given[0]}: --undo takes back whatever an earlier run has written down in the run directory`,
    );
  }
  for (const other of ["--vip", "--port"]) {
    if (options.config === null || !given.includes(other)) continue;
    throw usage(
      `Cannot use --config and ${other} together`,
      "VIPs and ports come from the configuration, or from --vip and --port",
    );
  }
  if (options.protocol !== null && options.ports.length === 0) {
    throw usage(
      "Cannot use --protocol without --port",
      "It is the protocol of --port: give that, or remove it",
    );
  }
  if (options.noRepair && mode !== null) {
    throw usage(
      `Cannot use --no-repair and ${mode} together`,
      "It is about drift while the role holds the host",
    );
  }
  if (options.json && !options.check && !options.print) {
    throw usage("Cannot use --json without --check or --print", "Nothing else is printed as JSON: remove it");
  }
  if (!options.undo && options.config === null && options.vips.length === 0) {
    throw usage("No VIP is given", "Use --vip ADDRESS, or -c FILE with the cluster's configuration");
  }
}

/** The options, modes and run directory aside, that differ from what they are when they are not given. */
function givenOptions(options: RealServerOptions): string[] {
  const isGiven: readonly (readonly [string, boolean])[] = [
    ["--config", options.config !== null],
    ["--vip", options.vips.length > 0],
    ["--port", options.ports.length > 0],
    ["--protocol", options.protocol !== null],
    ["--method", options.method !== "auto"],
    ["--interface", options.interface !== null],
    ["--no-repair", options.noRepair],
    ["--json", options.json],
  ];
  return isGiven.filter(([, given]) => given).map(([name]) => name);
}

function usage(message: string, remedy: string): OperatorError {
  return new OperatorError(message, ExitCode.USAGE, { remedy });
}
