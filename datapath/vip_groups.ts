/**
 * The multicast groups of the VIPs of a datapath at work: a kernel that refuses one is asked again, as the rest of the
 * traffic does not depend on it.
 *
 * @module
 */

import { OperatorError } from "../model/operator_error.ts";
import type { GroupMembership } from "./ffi/group_membership.ts";
import type { FromDatapath } from "./messages.ts";

const RETRY_MS = 1_000;

/** What has become of the groups. */
export type GroupsReport = Extract<FromDatapath, { kind: "groupsRefused" | "groupsJoined" }>;

export class VipGroups {
  readonly #membership: GroupMembership;
  readonly #onReport: (report: GroupsReport) => void;
  #vips: readonly string[] = [];
  /** Why some groups are not joined; `null` if all are. */
  #refusal: string | null = null;
  #retryAtMs = 0;

  /** @param onReport Called when another reason is found, and when there is none any more. */
  constructor(membership: GroupMembership, onReport: (report: GroupsReport) => void) {
    this.#membership = membership;
    this.#onReport = onReport;
  }

  /** Joins the groups of the IPv6 addresses among `vips`, and leaves all others, now or as soon as it is possible. */
  follow(vips: readonly string[], nowMs: number): void {
    this.#vips = vips;
    this.#retryAtMs = nowMs + RETRY_MS;
    const refusal = this.#settle();
    if (refusal === null) {
      if (this.#refusal !== null) this.#onReport({ kind: "groupsJoined" });
    } else if (refusal.message !== this.#refusal) {
      const { message, remedy } = refusal;
      this.#onReport({ kind: "groupsRefused", message, remedy });
    }
    this.#refusal = refusal?.message ?? null;
  }

  /** Tries again what was refused, once a second. */
  tick(nowMs: number): void {
    if (this.#refusal !== null && nowMs >= this.#retryAtMs) this.follow(this.#vips, nowMs);
  }

  #settle(): OperatorError | null {
    try {
      this.#membership.set(this.#vips);
      return null;
    } catch (error) {
      if (error instanceof OperatorError) return error;
      throw error;
    }
  }
}
