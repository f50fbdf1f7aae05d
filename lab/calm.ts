/**
 * The control of every mistake: an unbroken lab in which all hosts forget their neighbors once a second, so that everybody
 * asks for everybody all the time, and in which nobody finds anything wrong.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "./cluster.ts";
import { formatCount } from "./quantity.ts";
import type { Report } from "./report.ts";
import { isFine, observeClient } from "./symptom.ts";
import { INTERFACE } from "./topology.ts";
import type { Statement, Witnesses } from "./witnesses.ts";

const FLUSH_INTERVAL_MS = 1_000;

export interface Calm {
  /** Times all caches were flushed. */
  readonly flushes: number;
  /** Those after which the client was not served as it should be. */
  readonly complaints: number;
  /** Alarms that the director has ever raised, those that do not stand any more included. */
  readonly alarms: number;
  /** Times the director had to defend the VIP. */
  readonly defences: number;
  /** What is said to be wrong in the end. */
  readonly statements: readonly Statement[];
}

/** Whether nothing at all was found. */
export function isCalm({ flushes, complaints, alarms, defences, statements }: Calm): boolean {
  return flushes > 0 && complaints + alarms + defences + statements.length === 0;
}

/** Flushes all neighbor caches once a second for so many seconds, with traffic, and asks every witness. */
export async function keepCalm(
  cluster: Cluster,
  witnesses: Witnesses,
  seconds: number,
  report: Report,
  signal: AbortSignal,
): Promise<Calm> {
  const { topology } = cluster;
  const hosts = [topology.client, topology.director, ...topology.realServers];
  let complaints = 0;
  report.heading(`Nothing is broken: every neighbor cache is flushed once a second, for ${seconds} s`);
  for (let flush = 0; flush < seconds; flush++) {
    const pause = delay(FLUSH_INTERVAL_MS, undefined, { signal });
    await Promise.all(hosts.map(({ namespace }) => namespace.ip([`neigh flush dev ${INTERFACE}`])));
    const symptom = await observeClient(topology, { isAskingAnew: false, hasTransfer: false }, signal);
    if (!isFine(symptom, topology)) complaints++;
    await pause;
  }
  const statements = await witnesses.statements(topology.realServers);
  const wire = (await cluster.status())?.wire;
  const alarms = Object.values(wire?.raised ?? {}).reduce((sum, count) => sum + count, 0);
  const calm = { flushes: seconds, complaints, alarms, defences: wire?.defences ?? NaN, statements };
  report.claim("Nobody finds anything wrong", isCalm(calm), [
    `${formatCount(seconds)} flushes, ${formatCount(complaints)} of them with a request lost or led astray`,
    `${formatCount(alarms)} alarms raised, ${formatCount(calm.defences)} times the VIP was defended`,
    ...statements.map(({ witness, on, id, problem }) => `${witness} on ${on}: ${id}: ${problem}`),
    ...(statements.length > 0 ? [] : ["verify and every doctor: no finding"]),
  ]);
  return calm;
}
