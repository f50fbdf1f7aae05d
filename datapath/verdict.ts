/**
 * What became of one frame. Every frame ends in exactly one verdict, counted once, by the engine.
 *
 * @module
 */

/** Verdicts up to {@linkcode LAST_SENT} leave the frame's slot to be sent; the others leave nothing to do. */
export const Verdict = {
  Forwarded: 0,
  AnsweredArp: 1,
  AnsweredEcho: 2,
  AnsweredReset: 3,
  AnsweredUnreachable: 4,
  AnsweredTimeExceeded: 5,
  LearntNeighbor: 6,
  IgnoredArp: 7,
  IgnoredProtocol: 8,
  IgnoredNotVip: 9,
  IgnoredGroupDestination: 10,
  IgnoredOwnSource: 11,
  IgnoredOtherHost: 12,
  IgnoredIcmp: 13,
  DroppedTruncated: 14,
  DroppedMalformed: 15,
  DroppedFragment: 16,
  DroppedOversized: 17,
  DroppedNoService: 18,
  DroppedNoConnection: 19,
  DroppedNoServer: 20,
  DroppedServerLost: 21,
  DroppedUnresolved: 22,
  DroppedTableFull: 23,
  DroppedRateLimited: 24,
} as const;
export type Verdict = typeof Verdict[keyof typeof Verdict];

/** The last verdict whose frame is sent. */
export const LAST_SENT: Verdict = Verdict.AnsweredTimeExceeded;

/** Name and meaning of each verdict, in the order of their numbers. */
export const VERDICTS: readonly { readonly name: string; readonly meaning: string }[] = [
  { name: "forwarded", meaning: "passed on to a real server" },
  { name: "answered_arp", meaning: "ARP request for a VIP, answered" },
  { name: "answered_echo", meaning: "ping of a VIP, answered" },
  { name: "answered_reset", meaning: "TCP segment without a usable connection, answered with RST" },
  {
    name: "answered_unreachable",
    meaning: "no real server can be used, answered with ICMP port unreachable",
  },
  { name: "answered_time_exceeded", meaning: "TTL ran out here, answered with ICMP time exceeded" },
  { name: "learnt_neighbor", meaning: "ARP packet that told or confirmed a real server's MAC" },
  { name: "ignored_arp", meaning: "ARP packet that concerns neither a VIP nor a real server" },
  { name: "ignored_protocol", meaning: "neither ARP nor IPv4, or a VLAN tag nobody configured" },
  { name: "ignored_not_vip", meaning: "IPv4 packet for an address that is no VIP" },
  { name: "ignored_group_destination", meaning: "IPv4 packet for a VIP in a broadcast or multicast frame" },
  { name: "ignored_own_source", meaning: "frame with this director's own MAC as source" },
  {
    name: "ignored_other_host",
    meaning: "frame for another host, seen because the interface is promiscuous",
  },
  { name: "ignored_icmp", meaning: "ICMP message to a VIP other than a ping" },
  { name: "dropped_truncated", meaning: "frame was cut by the capture" },
  { name: "dropped_malformed", meaning: "a length or a field contradicts itself, or the sender is nobody" },
  { name: "dropped_fragment", meaning: "fragment of an IPv4 packet" },
  { name: "dropped_oversized", meaning: "larger than the MTU, and not TCP that could be cut" },
  { name: "dropped_no_service", meaning: "no virtual service on this protocol and port of the VIP" },
  { name: "dropped_no_connection", meaning: "belongs to no connection and does not open one" },
  { name: "dropped_no_server", meaning: "no real server can be used, and no answer was due" },
  { name: "dropped_server_lost", meaning: "its real server is gone or down" },
  { name: "dropped_unresolved", meaning: "its real server's MAC is not known" },
  { name: "dropped_table_full", meaning: "the connection table is full of established connections" },
  { name: "dropped_rate_limited", meaning: "an answer was due, but too many were sent this moment" },
];
