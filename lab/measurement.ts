/**
 * Whom the client takes for the VIP, then one round of traffic with every witness watching: kernel counters,
 * captures on both sides, and what the answers say of themselves.
 *
 * @module
 */

import { Capture, type CaptureResult } from "./capture.ts";
import { type DirectorCounters, readDirectorCounters, readInterfaceCounters, since } from "./counters.ts";
import type { LabDirectory } from "./lab_directory.ts";
import { familyOf } from "../model/ip_address.ts";
import { formatBytes } from "./quantity.ts";
import type { LabHost, Topology } from "./topology.ts";
import {
  download,
  learnMacOfVip,
  type RequestResult,
  sendRequests,
  type Transfer,
  upload,
} from "./traffic.ts";

/** How often the client has to ask anew who has the VIP. */
const FLUSHES = 10;

/** How often at most where a certain answer is waited for. */
const MOST_FLUSHES = 100;

/** Matches a segment with SYN and ACK; pcap-filter(7) has no names for TCP over IPv6, whose header is 40 bytes (RFC 8200). */
const SYN_ACK = {
  4: "tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)",
  6: "ip6[6] == 6 and ip6[53] & 0x12 == 0x12",
} as const;

export interface MeasurementPlan {
  readonly requests: number;
  /** Size of one download and one upload; 0 means neither. */
  readonly transferBytes: number;
  /** The client asks on until it has learnt this MAC address, if it can; `null` means any will do. */
  readonly awaitedMac: string | null;
}

/** Told of a measurement while it is made. */
export interface MeasurementWatcher {
  /** A request is done. */
  onResult(result: RequestResult): void;
  /** Does a part of it that says nothing by itself. */
  during<T>(what: string, work: () => Promise<T>): Promise<T>;
}

/** A TCP connection was accepted in the name of the VIP. */
export interface AcceptedConnection {
  /** Source MAC address of the frame that said so. */
  readonly mac: string;
  /** The client's TCP port. */
  readonly port: number;
}

export interface Measurement {
  readonly plan: MeasurementPlan;
  readonly results: readonly RequestResult[];
  /** What the client learnt after each flush, `null` where nobody answered. */
  readonly learntMacs: readonly (string | null)[];
  readonly transfers: readonly Transfer[];
  /** What came in on the director's interface, as the director's kernel counted it. */
  readonly director: DirectorCounters;
  readonly directorReceivedBytes: number;
  readonly clientReceivedBytes: number;
  readonly clientSentBytes: number;
  readonly captures: {
    /** Answers on the director's interface, either direction. */
    readonly answersAtDirector: CaptureResult;
    /** The client's half on the director's interface, either direction. */
    readonly requestsAtDirector: CaptureResult;
    /** Answers on the client's interface that carry no real server's source MAC address. */
    readonly foreignAnswersAtClient: CaptureResult;
  };
  readonly accepted: readonly AcceptedConnection[];
}

/**
 * Flushes the client's neighbor cache time and again, then runs one round of traffic; `countDirectorTraffic()` has
 * been called before.
 */
export async function measure(
  topology: Topology,
  directory: LabDirectory,
  plan: MeasurementPlan,
  watcher: MeasurementWatcher,
  signal: AbortSignal,
): Promise<Measurement> {
  const { client, director, realServers, vip } = topology;
  const learntMacs = await watcher.during(
    `the client forgets and asks who has ${vip}, ${FLUSHES} times or more`,
    () => learnMacs(client, vip, plan.awaitedMac, signal),
  );
  const protocol = familyOf(vip) === 4 ? "ip" : "ip6";
  // Over IPv6, the director tells who has the VIP with the VIP as source.
  const answers = familyOf(vip) === 4 ? `ip src host ${vip}` : `ip6 src host ${vip} and not icmp6`;
  const known = realServers.map(({ mac }) => `ether src ${mac}`).join(" or ");
  const captures = await Promise.all([
    Capture.start(director, answers, "count"),
    Capture.start(director, `${protocol} dst host ${vip}`, "count"),
    Capture.start(client, `${answers} and not (${known})`, "count"),
    Capture.start(client, `${answers} and ${SYN_ACK[familyOf(vip)]}`, "lines"),
  ]);
  // The director's interface is read last before and first after: whatever it receives in between has been sent, and
  // counted, in between.
  const clientBefore = await readInterfaceCounters(client);
  const directorBefore = await readDirectorCounters(director);
  const interfaceBefore = await readInterfaceCounters(director);
  const results: RequestResult[] = [];
  await sendRequests(client, { vip, count: plan.requests, isHasty: false }, signal, (result) => {
    results.push(result);
    watcher.onResult(result);
  });
  const transfers: Transfer[] = [];
  if (plan.transferBytes > 0) {
    const size = formatBytes(plan.transferBytes);
    transfers.push(
      await watcher.during(`download ${size}`, () => download(client, vip, plan.transferBytes)),
    );
    signal.throwIfAborted();
    transfers.push(
      await watcher.during(`upload ${size}`, () => upload(client, vip, plan.transferBytes, directory)),
    );
  }
  const interfaceAfter = await readInterfaceCounters(director);
  const directorAfter = await readDirectorCounters(director);
  const clientAfter = await readInterfaceCounters(client);
  const [answersAtDirector, requestsAtDirector, foreignAnswersAtClient, accepted] = await Promise.all(
    captures.map((capture) => capture.stop()),
  );
  return {
    plan,
    results,
    learntMacs,
    transfers,
    director: since(directorBefore, directorAfter),
    directorReceivedBytes: interfaceAfter.receivedBytes - interfaceBefore.receivedBytes,
    clientReceivedBytes: clientAfter.receivedBytes - clientBefore.receivedBytes,
    clientSentBytes: clientAfter.sentBytes - clientBefore.sentBytes,
    captures: {
      answersAtDirector: answersAtDirector!,
      requestsAtDirector: requestsAtDirector!,
      foreignAnswersAtClient: foreignAnswersAtClient!,
    },
    accepted: accepted!.lines.map(acceptedConnection),
  };
}

async function learnMacs(
  client: LabHost,
  vip: string,
  awaitedMac: string | null,
  signal: AbortSignal,
): Promise<(string | null)[]> {
  const macs: (string | null)[] = [];
  const isContent = () => awaitedMac === null || macs.at(-1) === awaitedMac || macs.length >= MOST_FLUSHES;
  while (macs.length < FLUSHES || !isContent()) {
    signal.throwIfAborted();
    macs.push(await learnMacOfVip(client, vip));
  }
  return macs;
}

/** Reads `aa:… > bb:…, IPv4, length 74: 192.0.2.10.80 > 192.0.2.100.34567: tcp 0`, a line of `tcpdump -e -q`. */
function acceptedConnection(line: string): AcceptedConnection {
  const [, mac, port] = /^(\S+) > .* > \S+\.(\d+): /.exec(line) ?? [];
  return { mac: mac ?? "", port: Number(port) };
}
