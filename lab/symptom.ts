/**
 * What the client of a lab notices: whom it takes for the VIP, who answers it, and whether a transfer lasts.
 *
 * @module
 */

import { expectedShare } from "./proofs.ts";
import type { LabHost, Topology } from "./topology.ts";
import {
  believedMacOfVip,
  learnMacOfVip,
  type RequestResult,
  sendRequests,
  transferWhileForgetting,
} from "./traffic.ts";

/** Twice the sum of the usual weights: shares come out exactly. */
const REQUESTS = 12;

/** How often the client has to ask anew. */
const FLUSHES = 3;

export interface Look {
  /** Whether the client has to ask anew for the VIP; else it believes what it hears. */
  readonly isAskingAnew: boolean;
  /** Whether it also makes a transfer of a second or two. @default false */
  readonly hasTransfer?: boolean;
  /** Whether a request that takes long on a busy machine still counts as answered. @default false */
  readonly isPatient?: boolean;
}

export interface Symptom {
  /** MAC addresses learnt when asking anew, `null` where nobody answered; empty if it did not ask. */
  readonly learntMacs: readonly (string | null)[];
  /** MAC address taken for the VIP's in the end. */
  readonly believedMac: string | null;
  readonly results: readonly RequestResult[];
  /** Whether the transfer arrived; `null` if there was none. */
  readonly isTransferWhole: boolean | null;
}

/** Makes one round of traffic. */
export async function observeClient(
  { client, vip }: Topology,
  { isAskingAnew, hasTransfer = false, isPatient = false }: Look,
  signal: AbortSignal,
): Promise<Symptom> {
  const learntMacs: (string | null)[] = [];
  for (let flush = 0; isAskingAnew && flush < FLUSHES; flush++) {
    signal.throwIfAborted();
    learntMacs.push(await learnMacOfVip(client, vip));
  }
  const results: RequestResult[] = [];
  const plan = { vip, count: REQUESTS, isHasty: !isPatient };
  await sendRequests(client, plan, signal, (result) => results.push(result));
  const isTransferWhole = hasTransfer ? await transferWhileForgetting(client, vip) : null;
  return { learntMacs, believedMac: await believedMacOfVip(client, vip), results, isTransferWhole };
}

/** Whether the client has nothing to complain about: the director, every request answered by weight, a whole transfer. */
export function isFine(symptom: Symptom, topology: Topology): boolean {
  const { learntMacs, believedMac, isTransferWhole } = symptom;
  return [believedMac, ...learntMacs].every((mac) => mac === topology.director.mac) &&
    isShared(symptom, topology) && isTransferWhole !== false;
}

/** Whether every request was answered, by weight. */
export function isShared({ results }: Symptom, { realServers }: Topology): boolean {
  const totalWeight = realServers.reduce((sum, { weight }) => sum + weight, 0);
  return results.length === REQUESTS && results.every(({ server }) => server !== null) &&
    realServers.every(({ name, weight }) => {
      const { least, most } = expectedShare(REQUESTS, weight, totalWeight);
      const got = answeredBy(results, name);
      return least <= got && got <= most;
    });
}

/** Number of requests that a host has answered. */
export function answeredBy(results: readonly RequestResult[], name: string): number {
  return results.filter(({ server }) => server === name).length;
}

/** What was measured, one line each. */
export function symptomText(symptom: Symptom, topology: Topology): string[] {
  const { learntMacs, believedMac, results, isTransferWhole } = symptom;
  const { vip, realServers, director, spare } = topology;
  const hosts: LabHost[] = [director, ...realServers, ...(spare === null ? [] : [spare])];
  const nameOf = (mac: string | null) =>
    mac === null ? "nobody" : hosts.find((host) => host.mac === mac)?.name ?? mac;
  const shares = realServers.map(({ name }) => `${name} ${answeredBy(results, name)}`).join(", ");
  const lost = results.filter(({ server }) => server === null).length;
  // Requests are not tried to the end if none is answered.
  const failed = results.length < REQUESTS || lost > 0 ? `, ${REQUESTS - results.length + lost} failed` : "";
  return [
    ...(learntMacs.length === 0
      ? []
      : [`asked who has ${vip}, it learnt: ${learntMacs.map(nameOf).join(", ")}`]),
    `in the end it takes ${nameOf(believedMac)} for ${vip}`,
    `${REQUESTS} requests: ${shares}${failed}`,
    ...(isTransferWhole === null
      ? []
      : [`a transfer of some seconds ${isTransferWhole ? "arrives" : "is torn"}`]),
  ];
}
