/**
 * Health checks of type `dr`: each is an end-to-end proof of one port of one real server, made from an address that the
 * director holds for all of them.
 *
 * @module
 */

import type { Checker, CheckResult, HealthTarget } from "../health/mod.ts";
import { type Config, serverAddresses } from "../model/config.ts";
import { ExitCode } from "../model/exit_code.ts";
import { endpointText } from "../model/ip_address.ts";
import { inOneLine, OperatorError } from "../model/operator_error.ts";
import { isGood, outcomeText, questionWord } from "../sentinel/finding.ts";
import { assertProbeAddress, probeCandidates } from "../sentinel/probe_choice.ts";
import { ProofDesk } from "../sentinel/proof_desk.ts";
import type { Vantage, Vantages } from "../sentinel/vantage.ts";
import type { EventLog } from "./events.ts";
import type { HeldAddress } from "./guard_chains.ts";

/** Part of a check's time after which silence is believed; the rest is for the machine to be late. */
const PATIENCE_PART = 0.9;

/** A desk and the real servers it is for. */
interface Desk {
  readonly proofs: ProofDesk;
  /** Name of its interface. */
  readonly device: string;
  readonly servers: ReadonlySet<string>;
}

export interface DrChecksOptions {
  readonly events: EventLog;
  /** Addresses have been claimed or lost. */
  readonly onAddresses: () => void;
}

export class DrChecks {
  readonly #options: DrChecksOptions;
  readonly #macs = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  /** By interface, subnet and configured address. */
  #desks: ReadonlyMap<string, Desk> = new Map();
  /** Real servers that are to be checked and have no desk, as this host has no interface to see them from. */
  #stranded: ReadonlySet<string> = new Set();

  constructor(options: DrChecksOptions) {
    this.#options = options;
  }

  /** Addresses that are answered for, but belong to nobody's host. */
  get probeAddresses(): HeldAddress[] {
    return [...this.#desks.values()].flatMap(({ proofs: { address }, device }) =>
      address === null ? [] : [{ address, device }]
    );
  }

  /**
   * Opens a desk for each subnet with real servers that are checked this way, and closes those that are not needed.
   * The configuration was found good by {@linkcode assertCheckable}: real servers that cannot be seen any more are not
   * checked until they can.
   */
  adopt(config: Config, { vantages, unseen }: Vantages): void {
    const checked = checkedServers(config);
    const wanted = vantages.filter(({ servers }) => servers.some((server) => checked.has(server)));
    const [desks, stranded] = [this.#desks, this.#stranded];
    this.#desks = new Map(wanted.map((vantage) => {
      const key = keyOf(config, vantage);
      const proofs = desks.get(key)?.proofs ?? this.#openDesk(config, vantage);
      return [key, { proofs, device: vantage.link.name, servers: new Set(vantage.servers) }];
    }));
    this.#stranded = new Set([...unseen.keys()].filter((server) => checked.has(server)));
    for (const [key, { proofs, device, servers }] of desks) {
      if (this.#desks.has(key)) continue;
      const [server] = servers.intersection(this.#stranded);
      if (server !== undefined && !proofs.isLost) this.#reportLost(device, inOneLine(unseen.get(server)!));
      proofs[Symbol.dispose]();
    }
    const servers = new Set(serverAddresses(config));
    for (const server of this.#macs.keys()) if (!servers.has(server)) this.#macs.delete(server);
    this.#wakeAll();
    const isAsBefore = new Set(desks.keys()).symmetricDifference(this.#desks).size === 0 &&
      stranded.symmetricDifference(this.#stranded).size === 0;
    if (!isAsBefore) this.#options.onAddresses();
  }

  /** Takes note of where a real server is; `null` if nobody answers for its address. */
  neighborChanged(server: string, mac: string | null): void {
    if (mac === null) this.#macs.delete(server);
    else this.#macs.set(server, mac);
    this.#wakeAll();
  }

  /** Whether a real server cannot be checked, for want of an address to check it from. */
  isStuck(server: string): boolean {
    return this.#stranded.has(server) || (this.#deskOf(server)?.isLost ?? false);
  }

  /** The checker of a target whose check is of type `dr`. */
  checkerOf(target: HealthTarget): Checker {
    return { check: (timeoutMs, signal) => this.#check(target, timeoutMs, signal) };
  }

  stop(): void {
    for (const { proofs } of this.#desks.values()) proofs[Symbol.dispose]();
    this.#desks = new Map();
  }

  async #check(
    { address: server, vip, check: { port } }: HealthTarget,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<CheckResult> {
    const subject = `VIP ${endpointText(vip, port)} at ${server}`;
    for (;;) {
      // A desk without an address says nothing about a real server: the check waits, its target stays what it was.
      const desk = await this.#readyDesk(server, signal);
      const startedMs = performance.now();
      const result = (passed: boolean, words: string): CheckResult => ({
        passed,
        message: `${subject} ${words}`,
        durationMs: performance.now() - startedMs,
      });
      // Nobody reads the result of a check whose signal is aborted.
      if (desk === null) return result(false, "was not asked");
      const mac = await this.#macOf(server, timeoutMs * PATIENCE_PART, signal);
      // Closed meanwhile, it says nothing either: there is another one, or will be.
      if (this.#deskOf(server) !== desk) continue;
      if (mac === null) {
        return result(
          false,
          `unreachable: nobody answers ${questionWord(server)} for the real server's address`,
        );
      }
      const patienceMs = Math.max(1, timeoutMs * PATIENCE_PART - (performance.now() - startedMs));
      const outcome = await desk.prove({ server, mac, vip, port }, patienceMs, signal);
      if (outcome === null) continue;
      const { verdict } = outcome;
      return result(isGood(outcome), verdict === "ok" ? "ok" : `${verdict}: ${outcomeText(outcome)}`);
    }
  }

  /** The desk for a real server once it has an address; `null` if the signal is aborted before. */
  async #readyDesk(server: string, signal: AbortSignal): Promise<ProofDesk | null> {
    while (!signal.aborted) {
      await this.#until(() => this.#deskOf(server) !== undefined, signal);
      const desk = this.#deskOf(server);
      await desk?.ready(signal);
      if (desk !== undefined && desk.address !== null) return desk;
    }
    return null;
  }

  #deskOf(server: string): ProofDesk | undefined {
    return [...this.#desks.values()].find(({ servers }) => servers.has(server))?.proofs;
  }

  /** MAC of a real server, which may be learnt in a moment. */
  async #macOf(server: string, patienceMs: number, signal: AbortSignal): Promise<string | null> {
    await this.#until(() => this.#macs.has(server), signal, patienceMs);
    return this.#macs.get(server) ?? null;
  }

  /**
   * Resolves when a condition on the desks and MACs is met, or the signal aborted.
   *
   * @param patienceMs Longest time for that. @default as long as it takes
   */
  async #until(isMet: () => boolean, signal: AbortSignal, patienceMs?: number): Promise<void> {
    if (isMet() || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        this.#waiting.delete(wake);
        resolve();
      };
      const wake = () => {
        if (isMet()) end();
      };
      const timer = patienceMs === undefined ? undefined : setTimeout(end, patienceMs);
      signal.addEventListener("abort", end);
      this.#waiting.add(wake);
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #openDesk(config: Config, vantage: Vantage): ProofDesk {
    const { events, onAddresses } = this.#options;
    const { link } = vantage;
    return new ProofDesk({
      link,
      candidates: () => probeCandidates(config, vantage),
      onClaimed: (address) => {
        events.report("info", "probe.claimed", `Real servers are checked through their VIPs from ${address}`);
        onAddresses();
      },
      onLost: (reason) => {
        this.#reportLost(link.name, reason);
        onAddresses();
      },
    });
  }

  #reportLost(device: string, reason: string): void {
    this.#options.events.report("error", "probe.lost", lostText(device, reason));
  }
}

function keyOf({ director }: Config, { link, subnet }: Vantage): string {
  return `${link.index} ${link.mac} ${subnet.address}/${subnet.prefixLength} ${director.probeAddress}`;
}

function lostText(device: string, reason: string): string {
  return `Real servers on ${device} cannot be checked through their VIPs: those that were stay what they are, ` +
    `the others get no connections: ${reason}`;
}

/** Real servers with a check of type `dr`. */
function checkedServers({ services }: Config): Set<string> {
  return new Set(serverAddresses({ services: services.filter(({ health }) => health?.type === "dr") }));
}

/**
 * Looks whether all checks of type `dr` can be made from here.
 *
 * @throws {OperatorError} If one cannot.
 */
export function assertCheckable(config: Config, { vantages, unseen }: Vantages): void {
  const checked = checkedServers(config);
  if (checked.size === 0) return;
  for (const server of checked) {
    const obstacle = unseen.get(server);
    if (obstacle !== undefined) throw uncheckable(server, obstacle);
  }
  assertProbeAddress(config, { vantages, unseen });
  for (const vantage of vantages) {
    const server = vantage.servers.find((candidate) => checked.has(candidate));
    if (server !== undefined && probeCandidates(config, vantage).length === 0) {
      throw noAddressLeft(server, vantage);
    }
  }
}

function noAddressLeft(server: string, { subnet: { address, prefixLength } }: Vantage): OperatorError {
  return new OperatorError(
    `Cannot check through the VIP: every address of the subnet of ${address}/${prefixLength} is somebody's`,
    ExitCode.CONFIG,
    {
      remedy:
        "Give the subnet a shorter prefix and set director.probe_address to an address of it that nobody " +
        `has; or check ${server} in another way than by type dr`,
    },
  );
}

function uncheckable(server: string, obstacle: OperatorError): OperatorError {
  return new OperatorError(`Cannot check through the VIP: ${obstacle.message}`, ExitCode.CONFIG, {
    cause: obstacle,
    remedy:
      `${obstacle.remedy ?? "Give this host an address on its link"}; or check ${server} in another way ` +
      "than by type dr",
  });
}
