/**
 * Keeps the director's own kernel away from VIP traffic. It sees the same frames as the datapath, and would answer
 * ARP and neighbour solicitations and send resets where a VIP is on an interface, or forward and redirect where it is
 * a router. A rule at the ingress of the interface drops those frames behind the tap that libpcap reads from.
 *
 * @module
 */

import { applySteps, undoSteps } from "../host/change_host.ts";
import { requireCommand, runCommand } from "../host/command.ts";
import type { Journal } from "../host/journal.ts";
import { readLinks } from "../host/links.ts";
import { hasNftTable } from "../host/nft_tables.ts";
import type { Step } from "../host/step.ts";
import { ExitCode } from "../model/exit_code.ts";
import { HostError } from "../model/operator_error.ts";
import type { Covered, Guard } from "./guard.ts";
import { guardChains, type HeldAddress } from "./guard_chains.ts";
import { GUARD_FAMILY, guardRuleset, guardTableName } from "./guard_ruleset.ts";
import { SilentHost } from "./silent_host.ts";
import { Turns } from "./turns.ts";

export interface GuardOptions extends Covered {
  /** Interface of the VIPs. */
  readonly device: string;
  /** What proofs are made from now; {@linkcode KernelGuard.restore} sees that it is covered. */
  readonly probes: () => readonly HeldAddress[];
}

/** A guard that is in force. Its owner undoes the journal it was installed under. */
export class KernelGuard implements Guard {
  readonly hasRules = true;
  readonly device: string;
  readonly #probes: () => readonly HeldAddress[];
  #covered: Covered;
  /** What nft was last given. */
  #ruleset = "";
  /** What nft said of the table when it was made. */
  #listing = "";
  /** What is done to the table. */
  readonly #turns = new Turns();

  private constructor({ device, probes, vips, uplinks }: GuardOptions) {
    this.device = device;
    this.#probes = probes;
    this.#covered = { vips, uplinks };
  }

  /**
   * Installs the guard. Where nft(8) is missing, a host that would not interfere is left as it is.
   *
   * The guard of a director that crashed is replaced, without a moment in which the kernel could reset or redirect the
   * connections that are about to go on.
   *
   * @param journal May hold what a director that crashed has left. Afterwards it holds the guard alone, if any.
   * @returns A {@linkcode SilentHost} where there is no nft.
   * @throws {HostError} If nft is missing on a host that would interfere, or refuses.
   */
  static async install(journal: Journal, options: GuardOptions): Promise<KernelGuard | SilentHost> {
    const { device, vips, uplinks } = options;
    const covered = { vips, uplinks };
    if (!await hasNft()) {
      const host = new SilentHost(device);
      await host.cover(covered);
      await undoSteps(journal, "all", () => {});
      return host;
    }
    const name = guardTableName(device);
    const guard = new KernelGuard(options);
    const isGuard = (step: Step | undefined) => step?.kind === "nftTable" && step.name === name;
    if (isGuard(journal.steps[0])) {
      await undoSteps(journal, "allButFirst", () => {});
      await guard.#replace(await guard.#rulesetFor(covered));
      return guard;
    }
    await undoSteps(journal, "all", () => {});
    if (await hasNftTable(GUARD_FAMILY, name)) throw foreignTable(name, device);
    const ruleset = await guard.#rulesetFor(covered);
    await applySteps(journal, [{ kind: "nftTable", family: GUARD_FAMILY, name, ruleset }], {
      report: () => {},
    });
    await guard.#note(ruleset);
    return guard;
  }

  /** Changes the rules in one transaction, if they have to. */
  cover(change: Partial<Covered>): Promise<void> {
    return this.#turns.take(async () => {
      const covered = { ...this.#covered, ...change };
      const wanted = await this.#rulesetFor(covered);
      if (wanted !== this.#ruleset) await this.#replace(wanted);
      this.#covered = covered;
    });
  }

  /**
   * Brings the guard back if somebody has taken it away or changed it, and makes it follow the host's interfaces and
   * the addresses that proofs are made from.
   *
   * @returns Whether somebody had.
   * @throws {HostError} If nft refuses.
   */
  restore(): Promise<boolean> {
    return this.#turns.take(async () => {
      const wanted = await this.#rulesetFor(this.#covered);
      // With an interface, the kernel takes away what is hooked to it: that was nobody.
      const isSame = wanted === this.#ruleset;
      if (isSame && await this.#list() === this.#listing) return false;
      await this.#replace(wanted);
      return isSame;
    });
  }

  /** The ruleset for what is covered, on the interfaces that the host has now. */
  async #rulesetFor(covered: Covered): Promise<string> {
    const guarded = { ...covered, device: this.device, probes: this.#probes() };
    return guardRuleset(this.device, guardChains(guarded, await readLinks()));
  }

  async #replace(ruleset: string): Promise<void> {
    const table = `${GUARD_FAMILY} ${guardTableName(this.device)}`;
    // "add" does nothing to a table that exists, so that "delete" always finds one.
    await requireCommand("nft", ["-f", "-"], `add table ${table}\ndelete table ${table}\n${ruleset}`);
    await this.#note(ruleset);
  }

  /** Takes note of what is in force. */
  async #note(ruleset: string): Promise<void> {
    this.#ruleset = ruleset;
    this.#listing = await this.#list();
  }

  /** The table as nft lists it, without its counters; empty if it is not there. */
  async #list(): Promise<string> {
    const name = guardTableName(this.device);
    if (!await hasNftTable(GUARD_FAMILY, name)) return "";
    return await requireCommand("nft", ["-s", "list", "table", GUARD_FAMILY, name]);
  }
}

function foreignTable(name: string, device: string): HostError {
  const remedy = `Stop the director that runs on ${device} under another run directory; if one crashed: ` +
    `nft delete table ${GUARD_FAMILY} ${name}`;
  return new HostError(
    name,
    `Table "${GUARD_FAMILY} ${name}" is in nft already`,
    ExitCode.UNAVAILABLE,
    { remedy },
  );
}

async function hasNft(): Promise<boolean> {
  try {
    await runCommand("nft", ["--version"]);
    return true;
  } catch (error) {
    if (error instanceof HostError && error.exitCode === ExitCode.UNAVAILABLE) return false;
    throw error;
  }
}
