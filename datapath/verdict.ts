/**
 * What became of one frame. Every frame ends in exactly one verdict, counted once, by the engine.
 *
 * @module
 */

/** Verdicts up to {@linkcode LAST_SENT} leave the frame's slot to be sent; the others leave nothing to do. */
export const Verdict = {
  Forwarded: 0,
  ForwardedInFragments: 1,
  ForwardedIcmp: 2,
  AnsweredArp: 3,
  AnsweredNdp: 4,
  AnsweredEcho: 5,
  AnsweredReset: 6,
  AnsweredUnreachable: 7,
  AnsweredNoService: 8,
  AnsweredTimeExceeded: 9,
  AnsweredTooBig: 10,
  LearntNeighbor: 11,
  IgnoredArp: 12,
  IgnoredNdp: 13,
  IgnoredProtocol: 14,
  IgnoredNotVip: 15,
  IgnoredOtherVlan: 16,
  IgnoredGroupDestination: 17,
  IgnoredOwnSource: 18,
  IgnoredOtherHost: 19,
  IgnoredIcmp: 20,
  DroppedTruncated: 21,
  DroppedMalformed: 22,
  DroppedFragment: 23,
  DroppedOversized: 24,
  DroppedNoService: 25,
  DroppedNoConnection: 26,
  DroppedUnrelatedIcmp: 27,
  DroppedNoServer: 28,
  DroppedServerLost: 29,
  DroppedUnresolved: 30,
  DroppedTableFull: 31,
  DroppedExpired: 32,
  DroppedRateLimited: 33,
  DroppedDenied: 34,
  DroppedSourceLimit: 35,
} as const;
export type Verdict = typeof Verdict[keyof typeof Verdict];

/**
 * Not a verdict: the frame, a fragment, is kept until the first one of its packet comes. It then ends as that one
 * makes it end, or as {@linkcode Verdict.DroppedFragment} if none comes in time, and is counted then.
 */
export const HELD = -1;

/** The last verdict whose frame is sent. */
export const LAST_SENT: Verdict = Verdict.AnsweredTooBig;

/** Name and meaning of each verdict, in the order of their numbers. */
export const VERDICTS: readonly { readonly name: string; readonly meaning: string }[] = [
  { name: "forwarded", meaning: "passed on to a real server" },
  {
    name: "forwarded_in_fragments",
    meaning: "UDP, or a fragment, larger than the MTU, passed on in fragments",
  },
  { name: "forwarded_icmp", meaning: "ICMP error about a connection, passed on to its real server" },
  { name: "answered_arp", meaning: "ARP request for a VIP, answered" },
  { name: "answered_ndp", meaning: "neighbour solicitation for a VIP, answered" },
  { name: "answered_echo", meaning: "ping of a VIP, answered" },
  { name: "answered_reset", meaning: "TCP segment without a usable connection, answered with RST" },
  {
    name: "answered_unreachable",
    meaning: "no real server can be used, answered with ICMP port unreachable",
  },
  {
    name: "answered_no_service",
    meaning: "no virtual service on this port of the VIP, answered with RST or ICMP port unreachable",
  },
  { name: "answered_time_exceeded", meaning: "hop limit ran out here, answered with ICMP time exceeded" },
  {
    name: "answered_too_big",
    meaning: "larger than the MTU, not to be cut, answered with ICMP fragmentation needed or packet too big",
  },
  { name: "learnt_neighbor", meaning: "ARP or NDP message that told or confirmed a real server's MAC" },
  { name: "ignored_arp", meaning: "ARP packet that concerns neither a VIP nor a real server" },
  { name: "ignored_ndp", meaning: "neighbour message that concerns neither a VIP nor a real server" },
  { name: "ignored_protocol", meaning: "neither ARP nor IP, or behind more than one VLAN tag" },
  { name: "ignored_not_vip", meaning: "IP packet for an address that is no VIP" },
  { name: "ignored_other_vlan", meaning: "IP packet for a VIP, in a VLAN that the VIP is not in" },
  { name: "ignored_group_destination", meaning: "IP packet for a VIP in a broadcast or multicast frame" },
  { name: "ignored_own_source", meaning: "frame with this director's own MAC as source" },
  {
    name: "ignored_other_host",
    meaning: "frame for another host, seen because the interface is promiscuous",
  },
  { name: "ignored_icmp", meaning: "ICMP message to a VIP, neither a ping nor an error" },
  { name: "dropped_truncated", meaning: "frame was cut by the capture" },
  { name: "dropped_malformed", meaning: "a length or a field contradicts itself, or the sender is nobody" },
  {
    name: "dropped_fragment",
    meaning: "fragment of an ICMP message, or of a packet whose first fragment did not come in time",
  },
  { name: "dropped_oversized", meaning: "larger than the MTU, and neither to be cut nor answered" },
  {
    name: "dropped_no_service",
    meaning: "no virtual service on this protocol or port of the VIP, and no answer was due",
  },
  { name: "dropped_no_connection", meaning: "belongs to no connection and does not open one" },
  { name: "dropped_unrelated_icmp", meaning: "ICMP error about no known connection" },
  { name: "dropped_no_server", meaning: "no real server can be used, and no answer was due" },
  { name: "dropped_server_lost", meaning: "its real server is gone or down" },
  { name: "dropped_unresolved", meaning: "its real server's MAC is not known" },
  { name: "dropped_table_full", meaning: "the connection table is full of established connections" },
  { name: "dropped_expired", meaning: "hop limit ran out here, and no answer was due" },
  { name: "dropped_rate_limited", meaning: "an answer was due, but too many were sent this moment" },
  { name: "dropped_denied", meaning: "opens a connection to a service that is not for its client" },
  { name: "dropped_source_limit", meaning: "opens a connection more than its source may within a second" },
];
