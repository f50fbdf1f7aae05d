/**
 * `lvsdr realserver`: makes this host a correct direct-routing real server, holds it so, and takes everything back.
 *
 * @module
 */

import { applySteps, undoSteps } from "../host/change_host.ts";
import { canAdministerNetwork } from "../host/command.ts";
import { Journal, journalExists } from "../host/journal.ts";
import { readDefaultRouteDevice, readLinks } from "../host/links.ts";
import type { Config, Method, Protocol } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError, OperatorError } from "../model/operator_error.ts";
import { auditJson, auditText } from "./audit_text.ts";
import { type Aim, type Choice, chooseMethod, requirementsOf } from "./choose_method.ts";
import { observeHost } from "./host_state.ts";
import { planJson, planText } from "./plan_text.ts";
import { assertFeasible, assertHolding, planSteps, type Requirement } from "./requirement.ts";
import { locateTargets, virtualAddressesFromArguments, virtualAddressesFromConfig } from "./target.ts";

const JOURNAL_NAME = "realserver.journal";

export interface RealServerOptions {
  /** Path of the cluster configuration, or `null` if {@linkcode vips} name what to accept. */
  readonly config: string | null;
  readonly vips: readonly string[];
  /** Ports of the VIPs; only the redirect method needs them. */
  readonly ports: readonly number[];
  readonly protocol: Protocol;
  /** `auto`: what the configuration says, else chosen by what the host has. */
  readonly method: Method | "auto";
  /** The only interface to harden; `null` means find it, and harden all where that is possible. */
  readonly interface: string | null;
  /** Apply, verify and return, leaving everything in force. */
  readonly once: boolean;
  /** Only audit. */
  readonly check: boolean;
  /** Only print the plan. */
  readonly print: boolean;
  /** Only take back what an earlier run left. */
  readonly undo: boolean;
  /** Print the audit or the plan as JSON. */
  readonly json: boolean;
  /** Folder of the undo journal. */
  readonly runDir: string;
}

/** Where text for the operator goes. */
export interface RealServerOutput {
  write(text: string): void;
}

interface Task {
  readonly aim: Aim;
  /** `null` means: choose by what the host has. */
  readonly asked: Choice | null;
}

/** What the host is at one moment, against what it must be. */
interface Look {
  readonly choice: Choice;
  readonly requirements: readonly Requirement[];
}

/**
 * Runs the role until SIGINT, SIGTERM or SIGHUP, or until the one thing asked for is done.
 *
 * @returns `FAILED` if the audit fails or a signal came before everything was in force.
 * @throws {OperatorError} If the options contradict each other or the host cannot be made a correct real server; then
 * everything has been taken back.
 */
export async function runRealServer(options: RealServerOptions, output: RealServerOutput): Promise<ExitCode> {
  assertConsistent(options);
  const canAdminister = await canAdministerNetwork();
  if (options.check || options.print) {
    return await inspect(options, await readTask(options), canAdminister, output);
  }
  if (!canAdminister) throw lacksPrivilege();

  const report = (line: string): void => {
    try {
      output.write(`${line}\n`);
    } catch {
      // Whoever read this is gone; that must not stop changes, and least of all their undoing, half-way.
    }
  };
  const journalPath = `${options.runDir}/${JOURNAL_NAME}`;
  if (options.undo && !journalExists(journalPath)) {
    report("Nothing to undo");
    return ExitCode.OK;
  }
  // Read first: a command line or configuration that cannot work should leave no trace at all.
  const task = options.undo ? null : await readTask(options);
  using journal = await Journal.open(journalPath);
  if (task === null) {
    await undoSteps(journal, "all", report);
    report("Everything undone");
    return ExitCode.OK;
  }
  if (journal.unkeptSteps.length > 0) {
    report("An earlier run ended without undoing its changes; undoing them now");
    await undoSteps(journal, "unkept", report);
  }
  return await harden(options, task, journal, report);
}

async function harden(
  options: RealServerOptions,
  task: Task,
  journal: Journal,
  report: (line: string) => void,
): Promise<ExitCode> {
  using interruption = new Interruption();
  try {
    const { choice, requirements } = await look(task, true);
    assertFeasible(requirements);
    const steps = planSteps(requirements);
    report(`method ${choice.method}: ${choice.reason}`);
    if (steps.length === 0) report("everything is in force already");
    await applySteps(journal, steps, { report, signal: interruption.signal });
    const verified = await look({ ...task, asked: choice }, true);
    assertHolding(verified.requirements);
    for (const { fact, found } of verified.requirements) report(`verified: ${fact}: ${found}`);
    interruption.signal.throwIfAborted();
  } catch (error) {
    const reason = interruption.signal.aborted ? "interrupted" : String(error);
    if (journal.unkeptSteps.length > 0) report(`not hardened, undoing: ${reason}`);
    await undoSteps(journal, "unkept", report);
    if (!interruption.signal.aborted) throw error;
    return ExitCode.FAILED;
  }
  if (options.once) {
    journal.keep();
    report(
      journal.steps.length === 0 ? "nothing was changed" : "applied; lvsdr realserver --undo takes it back",
    );
    return ExitCode.OK;
  }
  report("holding; Ctrl-C undoes");
  await interruption.arrival;
  await undoSteps(journal, "unkept", report);
  return ExitCode.OK;
}

async function inspect(
  options: RealServerOptions,
  task: Task,
  canAdminister: boolean,
  output: RealServerOutput,
): Promise<ExitCode> {
  const { choice, requirements } = await look(task, canAdminister);
  const isHealthy = requirements.every((requirement) => requirement.holds);
  const isLoopbackMeant = choice.method === "loopback" && (task.asked !== null || isHealthy);
  const isWholeTruth = canAdminister || isLoopbackMeant;
  if (options.print) {
    assertFeasible(requirements);
    const steps = planSteps(requirements);
    const shown = isWholeTruth ? choice : {
      ...choice,
      reason: `${choice.reason}; filter rules cannot be read without root and are taken as absent`,
    };
    output.write(options.json ? planJson(shown, steps) : planText(shown, steps));
    return ExitCode.OK;
  }
  // Rules that cannot be read may be what protects this host: better no answer than a wrong one.
  if (!isWholeTruth) throw lacksPrivilege();
  output.write(options.json ? auditJson(choice, requirements) : auditText(choice, requirements));
  return isHealthy ? ExitCode.OK : ExitCode.FAILED;
}

/** Reads what has to be hardened, and by which method. */
async function readTask(options: RealServerOptions): Promise<Task> {
  const links = await readLinks();
  const config = options.config === null ? null : await loadClusterConfig(options.config);
  const addresses = config === null
    ? virtualAddressesFromArguments(options.vips, options.ports, options.protocol)
    : virtualAddressesFromConfig(config, links);
  const devices = { wanted: options.interface, ofDefaultRoute: await readDefaultRouteDevice() };
  return {
    aim: { targets: locateTargets(addresses, links, devices), wantedDevice: options.interface },
    asked: askedChoice(options.method, "as asked for") ??
      askedChoice(config?.realserver.method ?? "auto", "as configured"),
  };
}

async function loadClusterConfig(path: string): Promise<Config> {
  // Imported when needed: without -c the role should not pay for the YAML and schema libraries.
  const { loadConfig } = await import("../config/parse_config.ts");
  return await loadConfig(path);
}

function askedChoice(method: Method | "auto", reason: string): Choice | null {
  return method === "auto" ? null : { method, reason };
}

async function look({ aim, asked }: Task, canAdminister: boolean): Promise<Look> {
  const state = await observeHost(await readLinks(), aim.targets, canAdminister);
  const choice = asked ?? chooseMethod(state, aim);
  return { choice, requirements: requirementsOf(choice.method, state, aim) };
}

/** The first signal that asks to stop. While it exists, such signals do not end the process. */
class Interruption implements Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Settles at the first signal. */
  readonly arrival: Promise<void>;
  readonly #listener: () => void;

  constructor() {
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.signal = controller.signal;
    this.arrival = promise;
    this.#listener = () => {
      controller.abort();
      resolve();
    };
    for (const name of Interruption.#SIGNALS) Deno.addSignalListener(name, this.#listener);
  }

  [Symbol.dispose](): void {
    for (const name of Interruption.#SIGNALS) Deno.removeSignalListener(name, this.#listener);
  }

  // A terminal that is closed sends SIGHUP.
  static readonly #SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
}

function assertConsistent(options: RealServerOptions): void {
  const modes = (["once", "check", "print", "undo"] as const).filter((mode) => options[mode]);
  if (modes.length > 1) {
    throw usage(
      `Cannot use ${modes.map((mode) => `--${mode}`).join(" and ")} together`,
      "Choose one of them",
    );
  }
  if (options.config !== null && options.vips.length > 0) {
    throw usage("Cannot use --config and --vip together", "VIPs come from the configuration, or from --vip");
  }
  if (!options.undo && options.config === null && options.vips.length === 0) {
    throw usage("No VIP is given", "Use --vip ADDRESS, or -c FILE with the cluster's configuration");
  }
}

function usage(message: string, remedy: string): OperatorError {
  return new OperatorError(message, ExitCode.USAGE, { remedy });
}

function lacksPrivilege(): HostError {
  return new HostError(
    "capabilities",
    "Cannot change or read this host's network settings: the process lacks CAP_NET_ADMIN",
    ExitCode.NO_PERMISSION,
    { remedy: "Run as root; --print and, for method loopback, --check work without" },
  );
}
