/**
 * One change to a host: what it is, how it is made, how it is taken back, and how both would be typed in a shell.
 *
 * Every step is one atomic change of the kernel's: it happened whole or not at all. Undo looks at the host first, so
 * that undoing a step that never happened, or was undone before, does nothing.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { requireCommand, runCommand, shellCommand } from "./command.ts";
import { readLinks } from "./links.ts";
import { readSysctl, type SysctlKey, sysctlName, writeSysctl } from "./sysctl.ts";

/** Sets a kernel variable that holds `previous`. */
export interface SetSysctl {
  readonly kind: "setSysctl";
  readonly key: SysctlKey;
  readonly value: string;
  readonly previous: string;
}

/** Gives `device` an IPv4 address with prefix length 32 that the host does not have. */
export interface AddAddress {
  readonly kind: "addAddress";
  readonly address: string;
  readonly device: string;
}

/** Loads an nft(8) table that does not exist. */
export interface NftTable {
  readonly kind: "nftTable";
  /** For example `arp`, `inet` or `netdev`. */
  readonly family: string;
  readonly name: string;
  /** Must make the table with `create table`, which fails when somebody else has made one of that name. */
  readonly ruleset: string;
}

/** Appends a rule to a chain of arptables(8). */
export interface ArptablesRule {
  readonly kind: "arptablesRule";
  readonly chain: "INPUT" | "OUTPUT";
  readonly args: readonly string[];
  /**
   * Whether arptables had no table before. The nft-based arptables makes one with its first rule and never removes
   * it; undo does, once it is empty.
   */
  readonly isTableNew: boolean;
}

export type Step = SetSysctl | AddAddress | NftTable | ArptablesRule;

/**
 * What undoing a step came to: `undone`, `absent` (it was not there), or `changed`: somebody else has changed the same
 * thing since, so it was left as it is.
 */
export type UndoResult = "undone" | "absent" | "changed";

/**
 * Makes the change.
 *
 * @throws {HostError} If the host refuses; then nothing has changed.
 */
export async function applyStep(step: Step): Promise<void> {
  switch (step.kind) {
    case "setSysctl":
      return await writeSysctl(step.key, step.value);
    case "nftTable":
      await requireCommand("nft", ["-f", "-"], step.ruleset);
      return;
    case "addAddress":
    case "arptablesRule": {
      const [program, ...args] = applyWords(step);
      await requireCommand(program!, args);
    }
  }
}

/**
 * Takes the change back.
 *
 * @throws {HostError} If the host refuses.
 */
export async function undoStep(step: Step): Promise<UndoResult> {
  switch (step.kind) {
    case "setSysctl":
      return await undoSysctl(step);
    case "addAddress":
      return await undoAddress(step);
    case "nftTable":
      return await undoTable(step.family, step.name);
    case "arptablesRule":
      return await undoArptablesRule(step);
  }
}

/** The change in words, for progress and error messages. */
export function stepSentence(step: Step): string {
  switch (step.kind) {
    case "setSysctl":
      return `set ${sysctlName(step.key)} to ${step.value} (was ${step.previous})`;
    case "addAddress":
      return `add ${step.address}/32 to ${step.device}`;
    case "nftTable":
      return `load nft table ${step.family} ${step.name}`;
    case "arptablesRule":
      return `append to arptables ${step.chain}: ${step.args.join(" ")}`;
  }
}

/** The shell command that makes the change. */
export function applyCommand(step: Step): string {
  if (step.kind !== "nftTable") return shellCommand(applyWords(step));
  return `nft -f - <<'END'\n${step.ruleset}END`;
}

/** The shell command that takes the change back. */
export function undoCommand(step: Step): string {
  switch (step.kind) {
    case "setSysctl":
      return shellCommand(["sysctl", "-w", `${sysctlName(step.key)}=${step.previous}`]);
    case "addAddress":
      return shellCommand(["ip", "address", "delete", `${step.address}/32`, "dev", step.device]);
    case "nftTable":
      return shellCommand(["nft", "delete", "table", step.family, step.name]);
    case "arptablesRule":
      return shellCommand(["arptables", "-D", step.chain, ...step.args]);
  }
}

/** Whether arptables(8) has a rule. */
export async function hasArptablesRule(chain: string, args: readonly string[]): Promise<boolean> {
  const { code, stderr } = await runCommand("arptables", ["-C", chain, ...args]);
  if (code === 0) return true;
  if (code === 1 && /does a matching rule exist|No chain\/target\/match/.test(stderr)) return false;
  // Asked again only for its error.
  await requireCommand("arptables", ["-C", chain, ...args]);
  return true;
}

/** Whether nft(8) has a table. */
export async function hasNftTable(family: string, name: string): Promise<boolean> {
  const listing = JSON.parse(await requireCommand("nft", ["-j", "list", "tables"])) as {
    readonly nftables: readonly { readonly table?: { readonly family: string; readonly name: string } }[];
  };
  return listing.nftables.some(({ table }) => table?.family === family && table.name === name);
}

function applyWords(step: Exclude<Step, NftTable>): string[] {
  switch (step.kind) {
    case "setSysctl":
      return ["sysctl", "-w", `${sysctlName(step.key)}=${step.value}`];
    case "addAddress":
      return ["ip", "address", "add", `${step.address}/32`, "dev", step.device];
    case "arptablesRule":
      return ["arptables", "-A", step.chain, ...step.args];
  }
}

async function undoSysctl(step: SetSysctl): Promise<UndoResult> {
  const current = await readSysctl(step.key);
  if (current === null || current === step.previous) return "absent";
  if (current !== step.value) return "changed";
  await writeSysctl(step.key, step.previous);
  return "undone";
}

async function undoAddress(step: AddAddress): Promise<UndoResult> {
  const link = (await readLinks()).find((link) => link.name === step.device);
  const isHeld = link?.addresses.some((held) => held.address === step.address && held.prefixLength === 32);
  if (!isHeld) return "absent";
  await requireCommand("ip", ["address", "delete", `${step.address}/32`, "dev", step.device]);
  return "undone";
}

async function undoTable(family: string, name: string): Promise<UndoResult> {
  if (!await hasNftTable(family, name)) return "absent";
  await requireCommand("nft", ["delete", "table", family, name]);
  return "undone";
}

async function undoArptablesRule(step: ArptablesRule): Promise<UndoResult> {
  const isPresent = await hasArptablesRule(step.chain, step.args);
  if (isPresent) await requireCommand("arptables", ["-D", step.chain, ...step.args]);
  if (step.isTableNew) await deleteArptablesTableIfEmpty();
  return isPresent ? "undone" : "absent";
}

/** Deletes the table of the nft-based arptables unless it holds a rule or a policy of somebody else's. */
async function deleteArptablesTableIfEmpty(): Promise<void> {
  if (!await hasNftTable("arp", "filter")) return;
  const json = await requireCommand("nft", ["-j", "list", "table", "arp", "filter"]);
  const { nftables } = JSON.parse(json) as {
    readonly nftables: readonly { readonly rule?: unknown; readonly chain?: { readonly policy?: string } }[];
  };
  const isUsed = nftables.some(({ rule, chain }) =>
    rule !== undefined || (chain !== undefined && chain.policy !== "accept")
  );
  if (!isUsed) await requireCommand("nft", ["delete", "table", "arp", "filter"]);
}

/**
 * Reads a step back from its JSON.
 *
 * @throws {HostError} If it is none that this version knows.
 */
export function stepFromJson(value: unknown, source: string): Step {
  const step = value as Step | null;
  switch (step?.kind) {
    case "setSysctl":
    case "addAddress":
    case "nftTable":
    case "arptablesRule":
      return step;
    default:
      throw new HostError(
        source,
        `Journal "${source}" holds a step this version does not know: ${JSON.stringify(value)}`,
        ExitCode.FAILED,
        { remedy: "Undo it with the version that wrote it" },
      );
  }
}
