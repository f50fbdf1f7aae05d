/**
 * What a measurement proves. Pure: everything a proof says is computed from what was measured.
 *
 * @module
 */

import type { Measurement } from "./measurement.ts";
import { formatBytes, formatCount } from "./quantity.ts";

/** The hosts that proofs speak of. */
export interface ProofHosts {
  readonly director: { readonly mac: string };
  readonly realServers: readonly { readonly name: string; readonly mac: string; readonly weight: number }[];
}

/** Names of proofs, in the order in which they are shown. */
export type ProofName =
  | "share"
  | "answers-counted"
  | "answers-captured"
  | "vip-mac"
  | "answer-source"
  | "transfers";

export interface Proof {
  readonly name: ProofName;
  /** What is claimed, in a few words. */
  readonly claim: string;
  readonly holds: boolean;
  /** What was measured, one line each. */
  readonly evidence: readonly string[];
}

/** Judges a measurement; transfers are judged only if there were any. */
export function prove(measurement: Measurement, hosts: ProofHosts): Proof[] {
  return [
    proveShare(measurement, hosts),
    proveAnswersCounted(measurement),
    proveAnswersCaptured(measurement),
    proveVipMac(measurement, hosts),
    proveAnswerSource(measurement, hosts),
    ...(measurement.transfers.length > 0 ? [proveTransfers(measurement)] : []),
  ];
}

/**
 * Bounds of the requests a server gets under weighted round robin. Its order repeats after as many picks as the
 * weights add up to, so any whole number of turns in a row is shared exactly.
 */
export function expectedShare(
  requests: number,
  weight: number,
  totalWeight: number,
): { readonly least: number; readonly most: number } {
  const turns = requests / totalWeight;
  return { least: Math.floor(turns) * weight, most: Math.min(Math.ceil(turns) * weight, requests) };
}

function proveShare({ plan, results }: Measurement, { realServers }: ProofHosts): Proof {
  const totalWeight = realServers.reduce((sum, { weight }) => sum + weight, 0);
  const shares = realServers.map(({ name, weight }) => {
    const { least, most } = expectedShare(plan.requests, weight, totalWeight);
    const got = results.filter((result) => result.server === name).length;
    const wanted = least === most ? formatCount(least) : `${formatCount(least)} to ${formatCount(most)}`;
    return { text: `${name} ${formatCount(got)} (expected ${wanted})`, holds: got >= least && got <= most };
  });
  const answered = results.filter((result) => result.server !== null).length;
  return {
    name: "share",
    claim: "Every request is answered, by weight",
    holds: answered === plan.requests && shares.every(({ holds }) => holds),
    evidence: [
      `${formatCount(answered)} of ${formatCount(plan.requests)} answered`,
      ...inLines(shares.map(({ text }) => text)),
    ],
  };
}

function proveAnswersCounted(measurement: Measurement): Proof {
  const { director, directorReceivedBytes, clientReceivedBytes, clientSentBytes } = measurement;
  // What the interface counted, less what was never about the VIP, must fit into what the client sent.
  const isExplained = directorReceivedBytes - director.others.bytes <= clientSentBytes;
  return {
    name: "answers-counted",
    claim: "Only the client's half crosses the director (kernel counters)",
    holds: director.answers.frames === 0 && director.requests.frames > 0 && isExplained,
    evidence: [
      `answers: ${formatCount(director.answers.frames)} frames, ${
        formatCount(director.answers.bytes)
      } bytes; ` +
      `requests: ${formatCount(director.requests.frames)} frames, ${formatBytes(director.requests.bytes)}`,
      `director's interface received ${formatBytes(directorReceivedBytes)}, ` +
      `the client's ${formatBytes(clientReceivedBytes)} after sending ${formatBytes(clientSentBytes)}`,
    ],
  };
}

function proveAnswersCaptured({ captures }: Measurement): Proof {
  const { answersAtDirector, requestsAtDirector } = captures;
  return {
    name: "answers-captured",
    claim: "Only the client's half crosses the director (capture)",
    holds: answersAtDirector.frames === 0 && answersAtDirector.dropped === 0 && requestsAtDirector.frames > 0,
    evidence: [
      `answers: ${formatCount(answersAtDirector.frames)} frames, ` +
      `${formatCount(answersAtDirector.dropped)} lost by the capture; ` +
      `control, the client's half: ${formatCount(requestsAtDirector.frames)} frames`,
    ],
  };
}

function proveVipMac({ learntMacs }: Measurement, { director, realServers }: ProofHosts): Proof {
  const owner = (mac: string | null) => {
    if (mac === null) return "nobody answered";
    if (mac === director.mac) return `${mac}, the director`;
    const realServer = realServers.find((server) => server.mac === mac);
    return realServer === undefined ? `${mac}, a stranger` : `${mac}, ${realServer.name}`;
  };
  const owners = Map.groupBy(learntMacs.map(owner), (text) => text);
  return {
    name: "vip-mac",
    claim: "The VIP is learnt with the director's MAC address",
    holds: learntMacs.length > 0 && learntMacs.every((mac) => mac === director.mac),
    evidence: [...owners].map(([text, times]) => `${times.length} of ${learntMacs.length} times: ${text}`),
  };
}

function proveAnswerSource({ results, accepted, captures }: Measurement, { realServers }: ProofHosts): Proof {
  const foreign = captures.foreignAnswersAtClient;
  const macs = new Map(realServers.map(({ name, mac }) => [name, mac]));
  const seen = new Set(accepted.map(({ mac, port }) => `${mac} ${port}`));
  const answered = results.filter((result) => result.server !== null);
  const own = answered.filter(({ server, port }) => seen.has(`${macs.get(server!)} ${port}`));
  return {
    name: "answer-source",
    claim: "Answers come from the real server's own MAC address",
    holds: answered.length > 0 && own.length === answered.length && foreign.frames === 0 &&
      foreign.dropped === 0,
    evidence: [
      `${formatCount(own.length)} of ${
        formatCount(answered.length)
      } answers: source MAC address is that of the ` +
      "server that signed it",
      `${formatCount(foreign.frames)} frames from any other`,
    ],
  };
}

function proveTransfers({ transfers }: Measurement): Proof {
  const names = ["download", "upload"];
  const isIntact = transfers.map((transfer) => transfer.sentSha256 === transfer.receivedSha256);
  return {
    name: "transfers",
    claim: "Large transfers arrive byte for byte",
    holds: isIntact.every((intact) => intact),
    evidence: transfers.map(({ bytes, sentSha256, receivedSha256 }, i) =>
      `${names[i]} of ${formatBytes(bytes)}: ` +
      (isIntact[i]
        ? `SHA-256 ${sentSha256.slice(0, 12)}… on both ends`
        : `sent ${sentSha256.slice(0, 12)}…, received ${receivedSha256?.slice(0, 12) ?? "nothing"}`)
    ),
  };
}

/** Joins words into lines of at most three. */
function inLines(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < words.length; i += 3) lines.push(words.slice(i, i + 3).join(", "));
  return lines;
}
