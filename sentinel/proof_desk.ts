/**
 * Proofs at any time, as long as a director runs: one capture and one address to probe from, shared by all who ask for
 * a proof on a subnet. The address is claimed first, held, and given up for another if somebody takes it.
 *
 * @module
 */

import { inOneLine, OperatorError } from "../model/operator_error.ts";
import { AddressClaim, AddressOwner } from "./probe_address.ts";
import { Proof, type ProofOutcome, type ProofTarget } from "./proof.ts";
import { filterFor, LOOK_INTERVAL_MS, Wire, type WireLink } from "./wire.ts";

/** Time between two looks while no proof is under way: questions for the address can wait that long. */
const IDLE_INTERVAL_MS = 50;
/** RATE_LIMIT_INTERVAL of RFC 5227 §1.1: time before a host tries again that found no free address. */
const CLAIM_RETRY_MS = 60_000;
/** Outcomes of proofs that go by what did not come. */
const SILENCES: readonly ProofOutcome["verdict"][] = ["vip_missing", "source_refused", "dropped"];
/** Time before an interface is tried again that could not be used: it may just be down for a moment. */
const OPEN_RETRY_MS = 5_000;

export interface ProofDeskOptions {
  readonly link: WireLink;
  /** Addresses of one family to choose from. */
  readonly candidates: () => readonly string[];
  /** The address is ours from now on. */
  readonly onClaimed: (address: string) => void;
  /** There is none until one is claimed again; a sentence for people says why. */
  readonly onLost: (reason: string) => void;
}

interface Asked {
  readonly target: ProofTarget;
  readonly patienceMs: number;
  /** Frames that the wire had not sent when the proof began. */
  unsentBefore: number;
  /** `null` while there is no address. */
  proof: Proof | null;
  readonly settle: (outcome: ProofOutcome | null) => void;
}

/** An open interface, on which an address is looked for or held. */
interface Session {
  readonly wire: Wire;
  readonly candidates: readonly string[];
  readonly claim: AddressClaim;
  owner: AddressOwner | null;
}

export class ProofDesk implements Disposable {
  readonly #options: ProofDeskOptions;
  readonly #asked = new Set<Asked>();
  readonly #waiting = new Set<() => void>();
  #session: Session | null = null;
  #retryAtMs = 0;
  #timer = 0;
  /** Whether there is no address although one was looked for. */
  #isLost = false;
  #isClosed = false;

  /** Begins to look for an address, which takes four seconds. */
  constructor(options: ProofDeskOptions) {
    this.#options = options;
    this.#look();
  }

  /** The address proofs are made from, or `null` while there is none. */
  get address(): string | null {
    return this.#session?.owner?.address ?? null;
  }

  /** Whether there is no address although one was looked for. It is looked for again. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Resolves when there is an address, or when the desk is closed or the signal aborted. */
  ready(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.address !== null || this.#isClosed || signal.aborted) return resolve();
      const done = () => {
        signal.removeEventListener("abort", done);
        this.#waiting.delete(done);
        resolve();
      };
      signal.addEventListener("abort", done);
      this.#waiting.add(done);
    });
  }

  /**
   * Proves one port of one real server; waits for an address while there is none.
   *
   * @param patienceMs Time after which silence is believed.
   * @returns `null` if the desk was closed or the signal aborted before there was an outcome.
   */
  prove(target: ProofTarget, patienceMs: number, signal: AbortSignal): Promise<ProofOutcome | null> {
    return new Promise((resolve) => {
      const settle = (outcome: ProofOutcome | null) => {
        signal.removeEventListener("abort", abort);
        this.#asked.delete(asked);
        resolve(outcome);
      };
      const asked: Asked = { target, patienceMs, unsentBefore: 0, proof: null, settle };
      const abort = () => settle(null);
      if (this.#isClosed || signal.aborted) return abort();
      signal.addEventListener("abort", abort);
      this.#asked.add(asked);
      clearTimeout(this.#timer);
      this.#look();
    });
  }

  /** Gives the address up; ends all proofs under way. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#endSession();
    for (const { settle } of [...this.#asked]) settle(null);
    for (const done of [...this.#waiting]) done();
  }

  /** Does what is due, and comes again. */
  #look(): void {
    const nowMs = performance.now();
    try {
      if (this.#session === null && nowMs >= this.#retryAtMs) this.#session = this.#begin();
      if (this.#session !== null) this.#step(this.#session, nowMs);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.#lose(inOneLine(error), nowMs + OPEN_RETRY_MS);
    }
    if (this.#isClosed) return;
    const isBusy = this.#session !== null && (this.#session.owner === null || this.#asked.size > 0);
    this.#timer = setTimeout(() => this.#look(), isBusy ? LOOK_INTERVAL_MS : IDLE_INTERVAL_MS);
  }

  #begin(): Session {
    const candidates = this.#options.candidates();
    const wire = Wire.open(this.#options.link, filterFor(candidates), candidates);
    return { wire, candidates, claim: new AddressClaim(wire, candidates), owner: null };
  }

  #step(session: Session, nowMs: number): void {
    const { wire, claim } = session;
    if (session.owner === null) {
      wire.step([claim], nowMs);
      if (!claim.isOver) return;
      if (claim.free === null) {
        return this.#lose(reasonOf(session), nowMs + CLAIM_RETRY_MS);
      }
      session.owner = new AddressOwner(wire, claim.free);
      this.#isLost = false;
      this.#options.onClaimed(claim.free);
      for (const done of [...this.#waiting]) done();
    }
    const { owner } = session;
    for (const asked of this.#asked) {
      if (asked.proof !== null) continue;
      asked.proof = new Proof(wire, owner.address, [asked.target], asked.patienceMs);
      asked.unsentBefore = wire.unsent;
    }
    wire.step([owner, ...[...this.#asked].map(({ proof }) => proof!)], nowMs);
    if (owner.thief !== null) return this.#lose(`${owner.address} was taken by ${owner.thief}`, nowMs);
    const over = [...this.#asked].filter(({ proof }) => proof!.isOver);
    // Whoever was not asked has not been silent.
    const isUnheard = ({ proof, unsentBefore }: Asked) =>
      SILENCES.includes(proof!.outcomes[0]!.verdict) && wire.unsent > unsentBefore;
    for (const asked of over) if (!isUnheard(asked)) asked.settle(asked.proof!.outcomes[0]!);
    if (over.some(isUnheard)) {
      const { name } = this.#options.link;
      this.#lose(`frames cannot be sent on ${name} (ip -br link show ${name})`, nowMs + OPEN_RETRY_MS);
    }
  }

  #lose(reason: string, retryAtMs: number): void {
    this.#endSession();
    this.#retryAtMs = retryAtMs;
    // What is under way begins anew from the next address.
    for (const asked of this.#asked) asked.proof = null;
    if (this.#isLost) return;
    this.#isLost = true;
    this.#options.onLost(reason);
  }

  #endSession(): void {
    this.#session?.wire[Symbol.dispose]();
    this.#session = null;
  }
}

/** Why a claim found no address, and what helps. */
function reasonOf({ candidates, claim }: Session): string {
  const advice = "set director.probe_address to an address of their subnet that nobody has";
  if (candidates.length === 0) return `no address of the subnet is free (${advice})`;
  const owners = candidates.map((address) => `${address} is in use by ${claim.ownerOf(address)}`);
  return `${owners.join(", ")} (${advice})`;
}
