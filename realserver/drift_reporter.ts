/**
 * Telling what has drifted and what holds again: transitions, and nothing twice.
 *
 * @module
 */

import type { Report } from "../host/change_host.ts";
import type { HostError } from "../model/operator_error.ts";
import { causeText, type Drift, driftsOf, driftText, isByHand, namesText, repairText } from "./drift.ts";
import type { HostRecord } from "./host_record.ts";
import type { Requirement } from "./requirement.ts";
import type { Look } from "./task.ts";

export interface Telling {
  /** The host when everything had been verified. */
  readonly verified: Look;
  /** Whether drift is repaired, or only reported. */
  readonly isRepairing: boolean;
  readonly report: Report;
  /** Is told what is seen. */
  readonly record: HostRecord;
}

export class DriftReporter {
  readonly #telling: Telling;
  /** What is known to be wrong, by fact. */
  #wrong: ReadonlyMap<string, { readonly found: string; readonly drift: Drift }> = new Map();
  #trouble = "";

  constructor(telling: Telling) {
    this.#telling = telling;
  }

  /** Returns the requirements that do not hold. */
  async tell(look: Look, clues: readonly string[]): Promise<readonly Requirement[]> {
    const { record, verified } = this.#telling;
    record.looked(look);
    const failed = look.requirements.filter((requirement) => !requirement.holds);
    const isKnown = ({ fact, found }: Requirement) => this.#wrong.get(fact)?.found === found;
    const states = { verified: verified.state, seen: look.state };
    const drifts = driftsOf(failed.filter((requirement) => !isKnown(requirement)), states);
    for (const drift of drifts) this.#tellDrift(drift, await causeText(drift, states, clues));

    const facts = new Set(failed.map(({ fact }) => fact));
    const mended = [...this.#wrong].filter(([fact]) => !facts.has(fact));
    for (const drift of new Set(mended.map(([, { drift }]) => drift))) {
      this.#tellMended(mended.filter(([, wrong]) => wrong.drift === drift).map(([fact]) => fact), look);
    }
    const fresh = new Map(drifts.flatMap((drift) => drift.map(({ fact }) => [fact, drift] as const)));
    this.#wrong = new Map(
      failed.map(({ fact, found }) => [
        fact,
        { found, drift: fresh.get(fact) ?? this.#wrong.get(fact)!.drift },
      ]),
    );
    this.#trouble = "";
    return failed;
  }

  /** Tells that the host cannot be looked at or repaired. */
  trouble(error: HostError): void {
    this.#telling.record.troubled(error.message);
    if (error.message !== this.#trouble) {
      this.#telling.report(`cannot look or repair, trying again: ${error.message}`);
    }
    this.#trouble = error.message;
  }

  #tellDrift(drift: Drift, cause: string): void {
    const { report, record, isRepairing } = this.#telling;
    record.drifted(drift, cause);
    report(`drift: ${driftText(drift)}; cause: ${cause}`);
    if (!isRepairing || isByHand(drift)) report(`not repaired: ${repairText(drift)}`);
  }

  #tellMended(facts: readonly string[], { requirements }: Look): void {
    const { report, record, isRepairing } = this.#telling;
    record.mended(facts);
    const [first, ...others] = facts;
    // A fact that is listed only while it does not hold has nothing found.
    const found = requirements.find(({ fact }) => fact === first)?.found ?? "as it must be";
    const rest = others.length === 0 ? "" : `, and with it ${namesText(others)}`;
    report(`${isRepairing ? "repaired" : "holds again"}: ${first}: ${found}${rest}`);
  }
}
