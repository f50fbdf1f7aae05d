/**
 * `lvsdr realserver`: makes this host a correct direct-routing real server, holds it so, and takes everything back.
 *
 * @module
 */

import manifest from "../deno.json" with { type: "json" };
import { applySteps, reportTo, undoEarlierRun, undoSteps } from "../host/change_host.ts";
import { canAdministerNetwork } from "../host/command.ts";
import { Journal } from "../host/journal.ts";
import type { OwnerScope } from "../host/journal_lines.ts";
import { readJournal } from "../host/read_journal.ts";
import { notifyReady, notifyStopping } from "../host/service_manager.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { auditJson, auditText, type Cure } from "./audit_text.ts";
import type { WatchScope } from "./drift_watch.ts";
import { holdHost } from "./hold.ts";
import { HostRecord } from "./host_record.ts";
import { Interruption } from "./interruption.ts";
import { journalPathIn } from "./journal_path.ts";
import { looseDevices } from "./methods/reverse_path.ts";
import { assertConsistent, type RealServerOptions } from "./options.ts";
import { planJson, planText } from "./plan_text.ts";
import { assertFeasible, assertHolding, planSteps } from "./requirement.ts";
import { roleCommand } from "./role_command.ts";
import { assertNotBehindVip } from "./status_task.ts";
import { rememberHolders } from "./target.ts";
import { type Look, lookAtHost, readTask, type Task } from "./task.ts";

/** Where text for the operator goes. */
export interface RealServerOutput {
  write(text: string): void;
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

  const report = reportTo(output);
  const journalPath = journalPathIn(options.runDir);
  if (options.undo) {
    await undoEarlierRun(journalPath, report);
    return ExitCode.OK;
  }
  // Read first: a command line or configuration that cannot work should leave no trace at all.
  const task = await readTask(options);
  using journal = await Journal.open(journalPath, scopeOf(task));
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
  const record = new HostRecord(manifest.version);
  await using _status = options.once ? null : await openStatus(task, record, report);
  await using undoing = new AsyncDisposableStack();
  undoing.defer(() => undoSteps(journal, "unkept", report));
  let atStart: Look;
  let verified: Look;
  let held: Task;
  try {
    atStart = await lookAtHost(task, true);
    const { choice, requirements } = atStart;
    assertFeasible(requirements);
    // With --once no port is opened.
    if (task.status !== null && !options.once) assertNotBehindVip(task.status, atStart);
    const steps = planSteps(requirements);
    report(`method ${choice.method}: ${choice.reason}`);
    if (steps.length === 0) report("everything is in force already");
    await applySteps(journal, steps, { report, signal: interruption.signal });
    held = { ...task, asked: choice };
    verified = await lookAtHost(held, true);
    assertHolding(verified.requirements);
    for (const { fact, found } of verified.requirements) report(`verified: ${fact}: ${found}`);
    interruption.signal.throwIfAborted();
  } catch (error) {
    const reason = interruption.signal.aborted ? "interrupted" : String(error);
    if (journal.unkeptSteps.length > 0) report(`not hardened, undoing: ${reason}`);
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
  undoing.defer(notifyStopping);
  const aim = {
    ...held.aim,
    targets: rememberHolders(held.aim.targets, atStart.state.links),
    looseDevices: looseDevices(verified.state, held.aim.targets),
  };
  await holdHost({
    journal,
    atStart,
    verified,
    watchScope: watchScopeOf(verified, held),
    isRepairing: !options.noRepair,
    record,
    onReady: async () => {
      await notifyReady("Hardened and verified", report);
      report("holding; Ctrl-C undoes");
    },
    look: () => lookAtHost({ ...held, aim }, true),
    report,
  }, interruption.signal);
  return ExitCode.OK;
}

/** What others, for example the doctor, need to look at this host as the role does. */
function scopeOf({ aim }: Task): OwnerScope {
  const vips = aim.targets.map(({ vip, realServerAddress, bindings }) => ({
    vip,
    realServerAddress,
    bindings,
  }));
  return { interface: aim.wantedDevice, vips };
}

/** Opens the status port, if one is configured. */
async function openStatus(
  { status }: Task,
  record: HostRecord,
  report: (line: string) => void,
): Promise<AsyncDisposable | null> {
  if (status === null) return null;
  // Imported when needed: without a status port the role should not pay for the web library.
  const { StatusEndpoint } = await import("./status_endpoint.ts");
  return await StatusEndpoint.open(status, () => record.status(), report);
}

function watchScopeOf({ choice, state }: Look, { aim }: Task): WatchScope {
  return {
    vips: aim.targets.map(({ vip }) => vip),
    hasRules: ["arptables", "nft", "redirect"].includes(choice.method),
    hasRivals: choice.method === "redirect",
    // The older arptables, which nft cannot see, makes no table that it lists.
    hasRuleReports: state.programs.has("nft") && (choice.method !== "arptables" || state.hasArptablesTable),
  };
}

async function inspect(
  options: RealServerOptions,
  task: Task,
  canAdminister: boolean,
  output: RealServerOutput,
): Promise<ExitCode> {
  const { choice, requirements } = await lookAtHost(task, canAdminister);
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
  output.write(
    options.json
      ? auditJson(choice, requirements)
      : auditText(choice, requirements, await cureOf(options, canAdminister && !isHealthy)),
  );
  return isHealthy ? ExitCode.OK : ExitCode.FAILED;
}

/** @param isHolderAsked Whether to look for a holder in the journal, which is root's. */
async function cureOf(options: RealServerOptions, isHolderAsked: boolean): Promise<Cure> {
  const journal = isHolderAsked ? await readJournal(journalPathIn(options.runDir)) : null;
  return { command: roleCommand(options), holder: journal?.owner ?? null };
}

function lacksPrivilege(): HostError {
  return new HostError(
    "capabilities",
    "Cannot change or read this host's network settings: the process lacks CAP_NET_ADMIN",
    ExitCode.NO_PERMISSION,
    { remedy: "Run as root; --print and, for method loopback, --check work without" },
  );
}
