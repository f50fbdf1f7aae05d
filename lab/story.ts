/**
 * What a lab shows, act by act: a cluster that works, the same cluster with one real server that steals the VIP,
 * and how hardening that server makes the theft vanish.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { Capture } from "./capture.ts";
import type { Cluster } from "./cluster.ts";
import type { LabDirectory } from "./lab_directory.ts";
import { measure, type Measurement, type MeasurementPlan } from "./measurement.ts";
import { type Proof, prove } from "./proofs.ts";
import { formatCount } from "./quantity.ts";
import type { Report } from "./report.ts";
import type { Terminal } from "./terminal.ts";
import { familyOf } from "../model/ip_address.ts";
import type { WireAlarm } from "../model/status_snapshot.ts";
import { INTERFACE, type LabRealServer, type Topology } from "./topology.ts";
import { transferWhileForgetting, urlOf } from "./traffic.ts";

const TRANSFER_BYTES = 16 * 1024 * 1024;

/** A theft shows itself at once; no need to send everything through it. */
const MOST_REQUESTS_WHEN_BROKEN = 60;

/** Longer than the time between two announcements of a director that has just started. */
const SILENCE_MS = 1_500;
const MOST_LISTENINGS = 8;
const MOST_TRANSFERS = 10;
const MOST_REPETITIONS = 3;
/** Time the director gets to notice the theft: it asks by itself once a minute. */
const MOST_WAIT_FOR_ALARM_MS = 90_000;
const POLL_INTERVAL_MS = 250;

export type ActName = "hardened" | "broken" | "mended";

/** One act: what was measured in it, and what that proves. */
export interface Act {
  readonly name: ActName;
  readonly measurement: Measurement;
  readonly proofs: readonly Proof[];
  /** Whether a transfer arrived while the client kept forgetting who has the VIP; `null` if there was none. */
  readonly isTransferWhole: boolean | null;
}

/** Whether every proof of an act holds. */
export function holds(act: Act): boolean {
  return act.proofs.every((proof) => proof.holds);
}

/**
 * Whether the client of the act took a real server for the VIP, and sent it everything past the director; or sent it enough
 * to lose a connection.
 */
export function isStolen({ measurement, isTransferWhole }: Act, thief: LabRealServer): boolean {
  return isTransferWhole === false || measurement.learntMacs.includes(thief.mac) &&
      measurement.results.every(({ server }) => server === thief.name);
}

/** What the story is told with. */
export interface StoryStage {
  readonly cluster: Cluster;
  readonly directory: LabDirectory;
  readonly terminal: Terminal;
  readonly report: Report;
  readonly signal: AbortSignal;
}

export class Story {
  readonly #topology: Topology;
  readonly #cluster: Cluster;
  readonly #directory: LabDirectory;
  readonly #terminal: Terminal;
  readonly #report: Report;
  readonly #requests: number;
  readonly #signal: AbortSignal;

  constructor({ cluster, directory, terminal, report, signal }: StoryStage, requests: number) {
    this.#topology = cluster.topology;
    this.#cluster = cluster;
    this.#directory = directory;
    this.#terminal = terminal;
    this.#report = report;
    this.#requests = requests;
    this.#signal = signal;
  }

  /** The real server that {@linkcode broken} leaves unhardened: the last. */
  get thief(): LabRealServer {
    return this.#topology.realServers.at(-1)!;
  }

  /** Every real server is hardened: the cluster works. */
  async hardened(): Promise<Act> {
    this.#report.heading(
      `Direct routing at work: ${formatCount(this.#requests)} requests to ${
        urlOf(this.#topology.vip)
      }/, scheduler wrr`,
    );
    const act = await this.#play("hardened", {
      requests: this.#requests,
      transferBytes: TRANSFER_BYTES,
      awaitedMac: null,
    });
    this.#report.proofs(act.proofs);
    return act;
  }

  /** One real server has the VIP without hardening: the ARP problem, and what the director says of it, if it does. */
  async broken(): Promise<{ readonly act: Act; readonly alarm: WireAlarm | null }> {
    const { name, mac } = this.thief;
    const { vip, client } = this.#topology;
    this.#report.heading(
      `The ARP problem: ${name} gets the VIP without being hardened, and proofs must fail`,
    );
    const settings = familyOf(vip) === 4 ? ", arp_ignore=0, arp_announce=0" : "";
    await this.#report.step(`${name}: ip ${this.#cluster.theft}${settings}`, async () => {
      await this.#cluster.unharden(this.thief);
      await this.thief.namespace.ip([this.#cluster.theft]);
    });
    await this.#report.step(
      "wait until the director has announced the VIP for the last time",
      () => this.#silence(),
    );
    const requests = Math.min(this.#requests, MOST_REQUESTS_WHEN_BROKEN);
    const isIpv4 = familyOf(vip) === 4;
    const plan = { requests, transferBytes: 0, awaitedMac: isIpv4 ? mac : null };
    let played = await this.#play("broken", plan);
    // An announcement of the director's between the requests puts the client right; the next is ten seconds away.
    for (let more = 0; isIpv4 && more < MOST_REPETITIONS && !isStolen(played, this.thief); more++) {
      played = await this.#play("broken", plan);
    }
    const act = { ...played, isTransferWhole: isIpv4 ? null : await this.#transfer() };
    const neighbors = await client.namespace.ip([`neigh show to ${vip} dev ${INTERFACE}`]);
    this.#report.proofs(act.proofs);
    this.#report.line(`\n  client# ip neigh show to ${vip}`);
    this.#report.line(`  ${neighbors.trim()}`);
    const { learntMacs, director } = act.measurement;
    const stolen = learntMacs.filter((learnt) => learnt === mac).length;
    const explanation = act.isTransferWhole === false
      ? `"Who has ${vip}?" asked the client, and both answered. Over IPv6 the last answer counts, here the director's. ` +
        `Until it came, ${name} got the client's packets; connections that changed sides were reset, and a download was torn.`
      : stolen > 0
      ? `"Who has ${vip}?" asked the client, and ${stolen} of ${learntMacs.length} times ${name} was quicker to answer ` +
        `than the director. Then the client sends its packets straight to ${name}. Nobody balances: ${name} gets ` +
        `everything, the director sees ${
          formatCount(director.requests.frames)
        } frames, and should ${name} fail, ` +
        "no health check would help the client."
      : `The problem did not show: ${learntMacs.length} of ${learntMacs.length} times the director was quicker. ` +
        "Real networks are less kind.";
    this.#report.prose(explanation, "yellow");
    return { act, alarm: await this.#alarm() };
  }

  /** What the director says is typed on the thief, word for word: the cluster works again. */
  async mended({ host, command }: WireAlarm): Promise<Act> {
    const { name } = this.thief;
    this.#report.heading(`The cure: what the director says, typed on ${host}, which is ${name}`);
    this.#report.command(name, command);
    const { process } = await this.#report.during(
      `waiting until ${name} is hardened`,
      () => this.#terminal.require(this.thief, command),
    );
    if (process !== null) this.#cluster.adopt(this.thief, process);
    const act = await this.#play("mended", { requests: this.#requests, transferBytes: 0, awaitedMac: null });
    this.#report.proofs(act.proofs);
    return act;
  }

  /** Whether slow transfers survive that the client asks for the VIP all the time; gives the mistake some chances. */
  async #transfer(): Promise<boolean> {
    const { client, vip } = this.#topology;
    return await this.#report.during(
      "a slow download, while the client forgets who has the VIP",
      async () => {
        for (let attempt = 0; attempt < MOST_TRANSFERS; attempt++) {
          this.#signal.throwIfAborted();
          if (!await transferWhileForgetting(client, vip)) return false;
        }
        return true;
      },
    );
  }

  /** What the director notices by itself, or `null` if it does not. */
  async #alarm(): Promise<WireAlarm | null> {
    const alarm = await this.#report.during("waiting until the director notices", () => this.#noticed());
    if (alarm === null) return null;
    this.#report.prose(`The director has noticed: ${alarm.sentence}.`, "bold");
    this.#report.line(`  What to type on ${alarm.host}: ${this.#report.paint(alarm.command, "cyan")}`);
    return alarm;
  }

  async #noticed(): Promise<WireAlarm | null> {
    const deadlineMs = performance.now() + MOST_WAIT_FOR_ALARM_MS;
    while (performance.now() < deadlineMs) {
      const alarms = (await this.#cluster.status())?.alarms ?? [];
      // It may be heard asking in the VIP's name as well, which is only half of it.
      const alarm = alarms.find(({ name, mac }) =>
        name === "vip_answered_by_other" && mac === this.thief.mac
      );
      if (alarm !== undefined) return alarm;
      await delay(POLL_INTERVAL_MS, undefined, { signal: this.#signal });
    }
    return null;
  }

  /** Waits until nobody announces the VIP: each announcement would put the client right for a while. */
  async #silence(): Promise<void> {
    for (let listening = 0; listening < MOST_LISTENINGS; listening++) {
      const { vip } = this.#topology;
      const announcements = familyOf(vip) === 4
        ? `arp src host ${vip} and arp dst host ${vip}`
        // A neighbor advertisement (RFC 4861 §4.4) to everybody.
        : "icmp6 and ip6[40] == 136 and ip6 dst host ff02::1";
      const capture = await Capture.start(this.#topology.client, announcements, "count");
      await delay(SILENCE_MS, undefined, { signal: this.#signal });
      if ((await capture.stop()).frames === 0) return;
    }
  }

  async #play(name: ActName, plan: MeasurementPlan): Promise<Act> {
    const tally = this.#report.tally(this.#topology, plan.requests);
    const measurement = await measure(
      this.#topology,
      this.#directory,
      plan,
      {
        onResult: (result) => tally.add(result),
        during: (what, work) => this.#report.during(what, work),
      },
      this.#signal,
    );
    return { name, measurement, proofs: prove(measurement, this.#topology), isTransferWhole: null };
  }
}
