/**
 * What a director knows of a connection from its client's half alone: it never sees an answer.
 *
 * The transitions are those of kernel IPVS for direct routing (net/netfilter/ipvs/ip_vs_proto_tcp.c, the input-only
 * table), with one deliberate difference: a RST in `SynReceived` closes the connection instead of leaving it half
 * open for a minute.
 *
 * @module
 */

import { Flag } from "./wire/tcp.ts";

/** States by number; `None` marks a slot without a connection. */
export const State = {
  None: 0,
  SynReceived: 1,
  Established: 2,
  FinWait: 3,
  TimeWait: 4,
  Close: 5,
  /** UDP of which one packet has been seen. */
  UdpFirst: 6,
  Udp: 7,
  /** Not a connection: the memory of which real server a client is to get. */
  Template: 8,
} as const;
export type State = typeof State[keyof typeof State];

/** Names of the states, by number, as `ipvsadm -Lc` prints them. */
export const STATE_NAMES: readonly string[] = [
  "NONE",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "TIME_WAIT",
  "CLOSE",
  "UDP",
  "UDP",
  "TEMPLATE",
];

const { SynReceived: SR, Established: ES, FinWait: FW, TimeWait: TW, Close: CL } = State;

/** Rows: what a segment is, see {@linkcode segmentClass}. Columns: state before, `None` to `Close`. */
const TRANSITIONS = Uint8Array.of(
  // None, SR, ES, FW, TW, CL
  ...[SR, SR, ES, SR, SR, SR], // SYN
  ...[CL, TW, FW, FW, TW, CL], // FIN
  ...[ES, ES, ES, FW, TW, CL], // ACK
  ...[CL, CL, CL, CL, CL, CL], // RST, and segments without any of these flags
);
const COLUMNS = 6;

/** Which flag of a segment counts: RST before SYN before FIN before ACK. */
function segmentClass(flags: number): number {
  if ((flags & Flag.RST) !== 0) return 3;
  if ((flags & Flag.SYN) !== 0) return 0;
  if ((flags & Flag.FIN) !== 0) return 1;
  return (flags & Flag.ACK) !== 0 ? 2 : 3;
}

/** State of a TCP connection after a segment of its client. Hot path. */
export function nextTcpState(state: number, flags: number): number {
  return TRANSITIONS[segmentClass(flags) * COLUMNS + state]!;
}

/** Whether a segment opens a connection: SYN without RST, as in IPVS. Hot path. */
export function opensConnection(flags: number): boolean {
  return (flags & (Flag.SYN | Flag.RST)) === Flag.SYN;
}

/** Whether a SYN in this state is a new connection on a reused port. Hot path. */
export function isReusable(state: number): boolean {
  return state === State.TimeWait || state === State.Close || state === State.FinWait;
}

/** Whether schedulers count a connection in this state as active. UDP never is, as in IPVS. Hot path. */
export function isActive(state: number): boolean {
  return state === State.SynReceived || state === State.Established;
}

/** Whether a connection in this state may be forgotten to make room: nobody has proved to be behind it. */
export function isHalfOpen(state: number): boolean {
  return state === State.SynReceived || state === State.UdpFirst;
}
