/**
 * The control of every mistake: an unbroken lab in which all hosts forget their neighbors time and again, so that everybody
 * asks for everybody all the time, and in which nobody finds anything wrong.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { addressWords, familyOf } from "../model/ip_address.ts";
import { Capture } from "./capture.ts";
import type { Cluster } from "./cluster.ts";
import { formatCount } from "./quantity.ts";
import type { Report } from "./report.ts";
import { isFine, observeClient, symptomText } from "./symptom.ts";
import { INTERFACE, type Topology } from "./topology.ts";
import { EXAMINATION, type Statement, type Witnesses } from "./witnesses.ts";

/** The least time from one flush to the next. */
const FLUSH_INTERVAL_MS = 1_000;

export interface Calm {
  /** Times all caches were flushed. */
  readonly flushes: number;
  /** How long that took: a second each, longer where the machine is slow. */
  readonly seconds: number;
  /** Times the client asked who has the VIP, as a capture on its wire counted. */
  readonly questions: number;
  /** What was measured at the client each time that it was not served as it should be. */
  readonly complaints: readonly (readonly string[])[];
  /** Alarms that the director has ever raised, those that do not stand any more included. */
  readonly alarms: number;
  /** Times the director had to defend the VIP. */
  readonly defences: number;
  /** What is said to be wrong in the end. */
  readonly statements: readonly Statement[];
}

/** Whether nothing at all was found, and every flush made the client ask. */
export function isCalm({ flushes, questions, complaints, alarms, defences, statements }: Calm): boolean {
  return questions >= flushes && complaints.length + alarms + defences + statements.length === 0;
}

/** Flushes all neighbor caches so many times, at most once a second, with traffic after each, and asks every witness. */
export async function keepCalm(
  cluster: Cluster,
  witnesses: Witnesses,
  flushes: number,
  report: Report,
  signal: AbortSignal,
): Promise<Calm> {
  const { topology } = cluster;
  const hosts = [topology.client, topology.director, ...topology.realServers];
  report.heading(`Nothing is broken: every neighbor cache is flushed ${formatCount(flushes)} times`);
  const capture = await Capture.start(topology.client, questionsOf(topology), "count");
  const complaints: string[][] = [];
  const startMs = performance.now();
  await report.during("flush", async (progress) => {
    for (let flush = 1; flush <= flushes; flush++) {
      progress.text = `flush ${formatCount(flush)} of ${formatCount(flushes)}`;
      const nextMs = performance.now() + FLUSH_INTERVAL_MS;
      await Promise.all(hosts.map(({ namespace }) => namespace.ip([`neigh flush dev ${INTERFACE}`])));
      const symptom = await observeClient(topology, { isAskingAnew: false, isPatient: true }, signal);
      if (!isFine(symptom, topology)) complaints.push(symptomText(symptom, topology));
      await delay(Math.max(0, nextMs - performance.now()), undefined, { signal });
    }
  });
  const seconds = Math.round((performance.now() - startMs) / 1000);
  const { frames: questions } = await capture.stop();
  const statements = await report.during(
    EXAMINATION,
    () => witnesses.statements(topology.realServers),
  );
  const wire = (await cluster.status())?.wire;
  const alarms = Object.values(wire?.raised ?? {}).reduce((sum, count) => sum + count, 0);
  const defences = wire?.defences ?? NaN;
  const calm = { flushes, seconds, questions, complaints, alarms, defences, statements };
  report.claim("Nobody finds anything wrong", isCalm(calm), [
    `${formatCount(flushes)} flushes in ${formatCount(seconds)} s; the client asked ${
      formatCount(questions)
    } times who has ${topology.vip}`,
    `${formatCount(complaints.length)} times a request was lost or led astray`,
    ...complaints.flat(),
    `${formatCount(alarms)} alarms raised, ${formatCount(defences)} times the VIP was defended`,
    ...statements.map(({ witness, on, id, problem }) => `${witness} on ${on}: ${id}: ${problem}`),
    ...(statements.length > 0 ? [] : ["verify and every doctor: no finding"]),
  ]);
  return calm;
}

/** Matches the client's questions who has the VIP; see pcap-filter(7). */
function questionsOf({ client, vip }: Topology): string {
  if (familyOf(vip) === 4) return `arp[6:2] == 1 and ether src ${client.mac} and arp dst host ${vip}`;
  // A neighbor solicitation and its target address (RFC 4861 §4.3), behind an IPv6 header of 40 bytes (RFC 8200).
  const target = addressWords(vip).map((word, i) => `ip6[${48 + 4 * i}:4] == ${word >>> 0}`).join(" and ");
  return `icmp6 and ip6[40] == 135 and ether src ${client.mac} and ${target}`;
}
