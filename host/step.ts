/**
 * One change to a host: what it is, how it is made, and how making it and taking it back would be typed in a shell.
 *
 * Every step is one atomic change of the kernel's: it happened whole or not at all.
 *
 * @module
 */

import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import { requireCommand, shellCommand } from "./command.ts";
import { featureWords } from "./interface_features.ts";
import { hostPrefixLength } from "./links.ts";
import { familyOf } from "../model/ip_address.ts";
import { type SysctlKey, sysctlName, writeSysctl } from "./sysctl.ts";

/** Sets a kernel variable that holds `previous`. */
export interface SetSysctl {
  readonly kind: "setSysctl";
  readonly key: SysctlKey;
  readonly value: string;
  readonly previous: string;
}

/**
 * Gives `device` an address that the host does not have, with prefix length 32, for IPv6 128. An IPv6 address is added
 * without duplicate detection, which another holder would make fail, and is never chosen as source (RFC 6724 rule 3).
 */
export interface AddAddress {
  readonly kind: "addAddress";
  readonly address: string;
  readonly device: string;
}

/** Makes the host accept packets for an address that no interface has, by a route of type `local` (ip-route(8)). */
export interface AddLocalRoute {
  readonly kind: "addLocalRoute";
  readonly address: string;
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

/** Puts a rule at the head of a chain of arptables(8), where no other rule comes before it. */
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

/**
 * Puts a rule at the head of the chain PREROUTING of the nat table of iptables(8) or ip6tables(8).
 *
 * A host that had no nat table keeps an empty one after the undo: iptables has no way to remove a table, and nft(8),
 * which has, is missing where this step is used. Empty, it does nothing.
 */
export interface IptablesRule {
  readonly kind: "iptablesRule";
  readonly program: "iptables" | "ip6tables";
  readonly args: readonly string[];
}

/** Switches off features of an interface that are on, all at once (ethtool(8), `-K`). */
export interface DisableFeatures {
  readonly kind: "disableFeatures";
  readonly device: string;
  /** Long names in ethtool(8), at least one. */
  readonly features: readonly string[];
}

export type Step =
  | SetSysctl
  | AddAddress
  | AddLocalRoute
  | NftTable
  | ArptablesRule
  | IptablesRule
  | DisableFeatures;

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
    case "addLocalRoute":
    case "arptablesRule":
    case "iptablesRule":
    case "disableFeatures": {
      const [program, ...args] = applyWords(step);
      await requireCommand(program!, args);
    }
  }
}

/** The change in words, for progress and error messages. */
export function stepSentence(step: Step): string {
  switch (step.kind) {
    case "setSysctl":
      return `set ${sysctlName(step.key)} to ${step.value} (was ${step.previous})`;
    case "addAddress":
      return `add ${withPrefix(step.address)} to ${step.device}`;
    case "addLocalRoute":
      return `add a local route to ${withPrefix(step.address)}`;
    case "nftTable":
      return `load nft table ${step.family} ${step.name}`;
    case "arptablesRule":
      return `insert at the head of arptables ${step.chain}: ${step.args.join(" ")}`;
    case "iptablesRule":
      return `insert at the head of ${step.program} nat PREROUTING: ${step.args.join(" ")}`;
    case "disableFeatures":
      return `switch off ${step.features.join(", ")} of ${step.device}`;
  }
}

/** The shell command that makes the change. */
export function applyCommand(step: Step): string {
  if (step.kind !== "nftTable") return shellCommand(applyWords(step));
  return `nft -f - <<'END'\n${step.ruleset}END`;
}

/** The shell command that takes the change back. */
export function undoCommand(step: Step): string {
  return shellCommand(undoWords(step));
}

/** Program and arguments that take the change back. */
export function undoWords(step: Step): string[] {
  switch (step.kind) {
    case "setSysctl":
      return ["sysctl", "-w", `${sysctlName(step.key)}=${step.previous}`];
    case "addAddress":
      return ["ip", "address", "delete", withPrefix(step.address), "dev", step.device];
    case "addLocalRoute":
      return localRouteWords("delete", step.address);
    case "nftTable":
      return ["nft", "delete", "table", step.family, step.name];
    case "arptablesRule":
      return ["arptables", "-D", step.chain, ...step.args];
    case "iptablesRule":
      return iptablesWords("-D", step);
    case "disableFeatures":
      return featureWords(step.device, step.features, "on");
  }
}

/** Whether two steps are about the same thing on the host: making one of them again is making the other. */
export function isSameChange(one: Step, other: Step): boolean {
  return changeKey(one) === changeKey(other);
}

function changeKey(step: Step): string {
  switch (step.kind) {
    case "setSysctl":
      return `${step.key} ${step.value}`;
    case "nftTable":
      return `${step.family} ${step.name}`;
    case "addAddress":
    case "addLocalRoute":
    case "arptablesRule":
    case "iptablesRule":
    case "disableFeatures":
      return applyCommand(step);
  }
}

/** Local routes that somebody has made: those the kernel makes with each address are left out. */
export async function readLocalRoutes(): Promise<Set<string>> {
  const routes = new Set<string>();
  for (const version of ["-4", "-6"]) {
    const json = await requireCommand("ip", [
      "-json",
      version,
      "route",
      "show",
      "table",
      "local",
      "type",
      "local",
    ]);
    for (const { dst, protocol } of JSON.parse(json || "[]") as { dst: string; protocol?: string }[]) {
      if (protocol !== "kernel") routes.add(dst);
    }
  }
  return routes;
}

function applyWords(step: Exclude<Step, NftTable>): string[] {
  switch (step.kind) {
    case "setSysctl":
      return ["sysctl", "-w", `${sysctlName(step.key)}=${step.value}`];
    case "addAddress":
      return [
        ...["ip", "address", "add", withPrefix(step.address), "dev", step.device],
        ...(familyOf(step.address) === 6 ? ["nodad", "preferred_lft", "0"] : []),
      ];
    case "addLocalRoute":
      return localRouteWords("add", step.address);
    case "arptablesRule":
      return ["arptables", "-I", step.chain, ...step.args];
    case "iptablesRule":
      return iptablesWords("-I", step);
    case "disableFeatures":
      return featureWords(step.device, step.features, "off");
  }
}

function withPrefix(address: string): string {
  return `${address}/${hostPrefixLength(address)}`;
}

function localRouteWords(action: "add" | "delete", address: string): string[] {
  return ["ip", `-${familyOf(address)}`, "route", action, "local", withPrefix(address), "dev", "lo"];
}

function iptablesWords(action: "-I" | "-D", rule: IptablesRule): string[] {
  // -w: another program that is changing rules at this moment is waited for, for some seconds.
  return [rule.program, "-w", "5", "-t", "nat", action, "PREROUTING", ...rule.args];
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
    case "addLocalRoute":
    case "nftTable":
    case "arptablesRule":
    case "iptablesRule":
    case "disableFeatures":
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
