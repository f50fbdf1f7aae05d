/**
 * Taking a step back. The host is looked at first, so that undoing a step that never happened, or was undone before,
 * does nothing.
 *
 * @module
 */

import { requireCommand } from "./command.ts";
import { listArptablesRules, listNatRules, placesOf } from "./filter_rules.ts";
import { readFeaturesIfThere } from "./interface_features.ts";
import { addressesLike, hostPrefixLength, readLinks } from "./links.ts";
import { hasNftTable, readNftTableFlags } from "./nft_tables.ts";
import {
  type AddAddress,
  type AddLocalRoute,
  type ArptablesRule,
  type DisableFeatures,
  type IptablesRule,
  type NftTable,
  readLocalRoutes,
  type SetSysctl,
  type Step,
  undoWords,
} from "./step.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";

/**
 * What undoing a step came to: `undone`, `absent` (it was not there), or `changed`: somebody else has changed the same
 * thing since, so it was left as it is.
 */
export type UndoResult = "undone" | "absent" | "changed";

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
    case "addLocalRoute":
      return await undoLocalRoute(step);
    case "nftTable":
      return await undoTable(step);
    case "arptablesRule":
      return await undoArptablesRule(step);
    case "iptablesRule":
      return await undoIptablesRule(step);
    case "disableFeatures":
      return await undoDisabledFeatures(step);
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
  const links = await readLinks();
  const holders = links.filter((link) =>
    addressesLike(link, step.address).some((held) =>
      held.address === step.address && held.prefixLength === hostPrefixLength(step.address)
    )
  ).map((link) => link.name);
  // An interface that was renamed took its addresses along; then the old name is nobody's.
  const isRenamed = !links.some((link) => link.name === step.device);
  const device = isRenamed ? holders[0] : holders.find((name) => name === step.device);
  if (device === undefined) return "absent";
  await require(undoWords({ ...step, device }));
  return "undone";
}

async function undoLocalRoute(step: AddLocalRoute): Promise<UndoResult> {
  if (!(await readLocalRoutes()).has(step.address)) return "absent";
  await require(undoWords(step));
  return "undone";
}

async function undoIptablesRule(step: IptablesRule): Promise<UndoResult> {
  if (placesOf([step.args], await listNatRules(step.program))[0] === null) return "absent";
  await require(undoWords(step));
  return "undone";
}

async function undoDisabledFeatures(step: DisableFeatures): Promise<UndoResult> {
  const found = await readFeaturesIfThere(step.device);
  const features = step.features.filter((name) => found?.get(name)?.isOn === false);
  if (features.length === 0) return "absent";
  await require(undoWords({ ...step, features }));
  return "undone";
}

async function undoTable(step: NftTable): Promise<UndoResult> {
  if (!await hasNftTable(step.family, step.name)) return "absent";
  await require(undoWords(step));
  return "undone";
}

async function undoArptablesRule(step: ArptablesRule): Promise<UndoResult> {
  const chain = (await listArptablesRules()).get(step.chain) ?? [];
  const isPresent = placesOf([step.args], chain)[0] !== null;
  if (isPresent) await require(undoWords(step));
  if (step.isTableNew) await deleteArptablesTableIfEmpty();
  return isPresent ? "undone" : "absent";
}

/** Deletes the table of the nft-based arptables unless it holds a rule or a policy of somebody else's. */
async function deleteArptablesTableIfEmpty(): Promise<void> {
  if (!await hasNftTable("arp", "filter")) return;
  if (await readNftTableFlags("arp", "filter") !== "") return; // lvsdr gives it none
  const json = await requireCommand("nft", ["-j", "list", "table", "arp", "filter"]);
  const { nftables } = JSON.parse(json) as {
    readonly nftables: readonly { readonly rule?: unknown; readonly chain?: { readonly policy?: string } }[];
  };
  const isUsed = nftables.some(({ rule, chain }) =>
    rule !== undefined || (chain !== undefined && chain.policy !== "accept")
  );
  if (!isUsed) await requireCommand("nft", ["delete", "table", "arp", "filter"]);
}

async function require(words: readonly string[]): Promise<void> {
  const [program, ...args] = words;
  await requireCommand(program!, args);
}
