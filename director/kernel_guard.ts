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
import { guardChains, type GuardedVip, type HeldAddress } from "./guard_chains.ts";
import { GUARD_FAMILY, guardRuleset, guardTableName } from "./guard_ruleset.ts";

/** A guard that is in force. Its owner undoes the journal it was installed under. */
export class KernelGuard {
  readonly device: string;
  #vips: readonly GuardedVip[];
  #uplinks: readonly string[];
  #probes: readonly HeldAddress[] = [];
  /** What nft was last given. */
  #ruleset = "";
  /** What nft said of the table when it was made. */
  #listing = "";
  /** Ends when nothing is being done to the table. */
  #idle: Promise<void> = Promise.resolve();

  private constructor(device: string, vips: readonly GuardedVip[], uplinks: readonly string[]) {
    this.device = device;
    this.#vips = vips;
    this.#uplinks = uplinks;
  }

  /**
   * Installs the guard. Where nft(8) is missing, a host that would not interfere is left as it is.
   *
   * The guard of a director that crashed is replaced, without a moment in which the kernel could reset or redirect the
   * connections that are about to go on.
   *
   * @param device Interface of the VIPs.
   * @param uplinks Further interfaces, where the kernel is to be as silent about them.
   * @param journal May hold what a director that crashed has left. Afterwards it holds the guard alone, if any.
   * @returns `null` where there is no nft.
   * @throws {HostError} If nft is missing on a host that would interfere, or refuses.
   */
  static async install(
    journal: Journal,
    device: string,
    vips: readonly GuardedVip[],
    uplinks: readonly string[],
  ): Promise<KernelGuard | null> {
    if (!await hasNft()) {
      const chains = guardChains({ device, uplinks, vips, probes: [] }, await readLinks());
      await refuseInterference(chains.map((chain) => chain.device), vips.map(({ vip }) => vip));
      await undoSteps(journal, "all", () => {});
      return null;
    }
    const name = guardTableName(device);
    const guard = new KernelGuard(device, vips, uplinks);
    const isGuard = (step: Step | undefined) => step?.kind === "nftTable" && step.name === name;
    if (isGuard(journal.steps[0])) {
      await undoSteps(journal, "allButFirst", () => {});
      await guard.#replace(await guard.#wanted());
      return guard;
    }
    await undoSteps(journal, "all", () => {});
    if (await hasNftTable(GUARD_FAMILY, name)) throw foreignTable(name, device);
    const ruleset = await guard.#wanted();
    await applySteps(journal, [{ kind: "nftTable", family: GUARD_FAMILY, name, ruleset }], {
      report: () => {},
    });
    await guard.#note(ruleset);
    return guard;
  }

  /** Makes the guard cover these VIPs instead of those before, in one transaction. */
  coverVips(vips: readonly GuardedVip[]): Promise<void> {
    return this.#cover(() => this.#vips = vips);
  }

  /** Makes the guard cover these interfaces, besides that of the VIPs, instead of those before. */
  coverUplinks(uplinks: readonly string[]): Promise<void> {
    return this.#cover(() => this.#uplinks = uplinks);
  }

  /** Makes the guard cover these addresses that proofs are made from, instead of those before. */
  coverProbes(probes: readonly HeldAddress[]): Promise<void> {
    return this.#cover(() => this.#probes = probes);
  }

  /**
   * Brings the guard back if somebody has taken it away or changed it, and makes it follow the host's interfaces.
   *
   * @returns Whether somebody had.
   * @throws {HostError} If nft refuses.
   */
  restore(): Promise<boolean> {
    return this.#alone(async () => {
      const wanted = await this.#wanted();
      // With an interface, the kernel takes away what is hooked to it: that was nobody.
      const isSameHost = wanted === this.#ruleset;
      if (isSameHost && await this.#list() === this.#listing) return false;
      await this.#replace(wanted);
      return isSameHost;
    });
  }

  /** @param adopt Makes some of what is covered something else. */
  #cover(adopt: () => void): Promise<void> {
    return this.#alone(async () => {
      adopt();
      const wanted = await this.#wanted();
      if (wanted !== this.#ruleset) await this.#replace(wanted);
    });
  }

  /** The ruleset for what is covered, on the interfaces that the host has now. */
  async #wanted(): Promise<string> {
    const guarded = {
      device: this.device,
      uplinks: this.#uplinks,
      vips: this.#vips,
      probes: this.#probes,
    };
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

async function refuseInterference(devices: readonly string[], vips: readonly string[]): Promise<void> {
  const interference = await interferenceOf(devices, vips);
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

/** Why this host's kernel would handle VIP traffic, were there no guard, or `null` if it would not. */
export async function interferenceOf(
  devices: readonly string[],
  vips: readonly string[],
): Promise<string | null> {
  const links = await readLinks();
  for (const vip of vips) {
    const holder = linkHolding(links, vip);
    if (holder !== null) return `${vip} is an address of ${holder.name}`;
  }
  // What makes a host a router for packets from an interface (Linux Documentation/networking/ip-sysctl).
  const keys = [
    ...(vips.some((vip) => familyOf(vip) === 4)
      ? ["net/ipv4/ip_forward", ...devices.map((device) => `net/ipv4/conf/${device}/forwarding`)]
      : []),
    ...(vips.some((vip) => familyOf(vip) === 6)
      ? [
        "net/ipv6/conf/all/forwarding",
        ...devices.flatMap((device) => [
          `net/ipv6/conf/${device}/forwarding`,
          `net/ipv6/conf/${device}/force_forwarding`,
        ]),
      ]
      : []),
  ];
  const forwarding = [...await readSysctls(keys)].find(([, value]) => value !== "0");
  return forwarding === undefined ? null : `${sysctlName(forwarding[0])} is ${forwarding[1]}`;
}
