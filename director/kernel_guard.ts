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
import { linkHolding, readLinks } from "../host/links.ts";
import { hasNftTable, type Step } from "../host/step.ts";
import { readSysctls, sysctlName } from "../host/sysctl.ts";
import { ExitCode } from "../model/exit_code.ts";
import { familyOf } from "../model/ip_address.ts";
import { HostError } from "../model/operator_error.ts";
import { GUARD_FAMILY, guardRuleset, guardTableName } from "./guard_ruleset.ts";

/** A guard that is in force. Its owner undoes the journal it was installed under. */
export class KernelGuard {
  readonly device: string;
  #vips: readonly string[];
  #probes: readonly string[] = [];
  /** What nft said of the table when it was made. */
  #listing = "";
  /** Ends when nothing is being done to the table. */
  #idle: Promise<void> = Promise.resolve();

  private constructor(device: string, vips: readonly string[]) {
    this.device = device;
    this.#vips = vips;
  }

  /**
   * Installs the guard. Where nft(8) is missing, a host that would not interfere is left as it is.
   *
   * The guard of a director that crashed is replaced, without a moment in which the kernel could reset or redirect the
   * connections that are about to go on.
   *
   * @param journal May hold what a director that crashed has left. Afterwards it holds the guard alone, if any.
   * @returns `null` where there is no nft.
   * @throws {HostError} If nft is missing on a host that would interfere, or refuses.
   */
  static async install(
    journal: Journal,
    device: string,
    vips: readonly string[],
  ): Promise<KernelGuard | null> {
    if (!await hasNft()) {
      await refuseInterference(device, vips);
      await undoSteps(journal, "all", () => {});
      return null;
    }
    const name = guardTableName(device);
    const guard = new KernelGuard(device, vips);
    const isGuard = (step: Step | undefined) => step?.kind === "nftTable" && step.name === name;
    if (isGuard(journal.steps[0])) {
      await undoSteps(journal, "allButFirst", () => {});
      await guard.#replace();
      return guard;
    }
    await undoSteps(journal, "all", () => {});
    if (await hasNftTable(GUARD_FAMILY, name)) throw foreignTable(name, device);
    const ruleset = guardRuleset(device, vips);
    await applySteps(journal, [{ kind: "nftTable", family: GUARD_FAMILY, name, ruleset }], {
      report: () => {},
    });
    guard.#listing = await guard.#list();
    return guard;
  }

  /** Makes the guard cover these VIPs instead of those before, in one transaction. */
  coverVips(vips: readonly string[]): Promise<void> {
    return this.#cover(() => this.#vips = vips);
  }

  /** Makes the guard cover these addresses that proofs are made from, instead of those before. */
  coverProbes(probes: readonly string[]): Promise<void> {
    return this.#cover(() => this.#probes = probes);
  }

  /**
   * Brings the guard back if somebody has taken it away or changed it.
   *
   * @returns Whether somebody had.
   * @throws {HostError} If nft refuses.
   */
  restore(): Promise<boolean> {
    return this.#alone(async () => {
      if (await this.#list() === this.#listing) return false;
      await this.#replace();
      return true;
    });
  }

  /** @param adopt Makes some of the covered addresses others. */
  #cover(adopt: () => void): Promise<void> {
    return this.#alone(async () => {
      const before = this.#covered;
      adopt();
      if (this.#covered.join() !== before.join()) await this.#replace();
    });
  }

  get #covered(): string[] {
    return [...new Set([...this.#vips, ...this.#probes])];
  }

  async #replace(): Promise<void> {
    const table = `${GUARD_FAMILY} ${guardTableName(this.device)}`;
    // "add" does nothing to a table that exists, so that "delete" always finds one.
    const ruleset = `add table ${table}\ndelete table ${table}\n${guardRuleset(this.device, this.#covered)}`;
    await requireCommand("nft", ["-f", "-"], ruleset);
    this.#listing = await this.#list();
  }

  /** The table as nft lists it, without its counters; empty if it is not there. */
  async #list(): Promise<string> {
    const name = guardTableName(this.device);
    if (!await hasNftTable(GUARD_FAMILY, name)) return "";
    return await requireCommand("nft", ["-s", "list", "table", GUARD_FAMILY, name]);
  }

  #alone<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#idle.then(action);
    this.#idle = result.then(() => {}, () => {});
    return result;
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

async function refuseInterference(device: string, vips: readonly string[]): Promise<void> {
  const interference = await interferenceOf(device, vips);
  if (interference === null) return;
  throw new HostError(
    "nft",
    `This host's kernel would handle VIP traffic as well: ${interference}`,
    ExitCode.UNAVAILABLE,
    {
      remedy: "Install nftables, so that lvsdr can keep the kernel away from it: apt install nftables",
    },
  );
}

async function interferenceOf(device: string, vips: readonly string[]): Promise<string | null> {
  const links = await readLinks();
  for (const vip of vips) {
    const holder = linkHolding(links, vip);
    if (holder !== null) return `${vip} is an address of ${holder.name}`;
  }
  // What makes a host a router for packets from an interface (Linux Documentation/networking/ip-sysctl).
  const keys = [
    ...(vips.some((vip) => familyOf(vip) === 4)
      ? ["net/ipv4/ip_forward", `net/ipv4/conf/${device}/forwarding`]
      : []),
    ...(vips.some((vip) => familyOf(vip) === 6)
      ? [
        "net/ipv6/conf/all/forwarding",
        `net/ipv6/conf/${device}/forwarding`,
        `net/ipv6/conf/${device}/force_forwarding`,
      ]
      : []),
  ];
  const forwarding = [...await readSysctls(keys)].find(([, value]) => value !== "0");
  return forwarding === undefined ? null : `${sysctlName(forwarding[0])} is ${forwarding[1]}`;
}
