/**
 * Multicast Listener Report, version 2 (RFC 3810 §5.2), for one group and whoever sends to it.
 *
 * @module
 */

import * as icmp from "./icmpv6.ts";
import * as ipv6 from "./ipv6.ts";

/** Type of a report. */
export const TYPE = 143;
/** Hop limit of every message (RFC 3810 §5). */
export const HOP_LIMIT = 1;
/** Last word of the group of all routers that speak version 2, `ff02::16` (RFC 3810 §5.2.14). */
export const ROUTERS_LAST = 0x16;

/** Hop-by-hop options: a router alert for MLD (RFC 2711 §2.1), padded to eight bytes by a PadN without data. */
const ROUTER_ALERT = [ipv6.NextHeader.ICMPV6, 0, 5, 2, 0, 0, 1, 0] as const;
const RECORDS = 6;
const RECORD = 8;
/** Of a record: from now on everything is wanted that is sent to the group, from any source. */
const CHANGE_TO_EXCLUDE_MODE = 4;
const RECORD_GROUP = 4;

/** Bytes of the options and the report. */
export const PAYLOAD_BYTES = ROUTER_ALERT.length + RECORD + RECORD_GROUP + 16;

/**
 * Writes options and report behind the header of the IPv6 packet at `ip`, whose addresses are set, and what is
 * missing in the header.
 *
 * @param a The four words of the group.
 */
export function emitReport(frame: DataView, ip: number, a: number, b: number, c: number, d: number): void {
  ipv6.emit(frame, ip, 0, PAYLOAD_BYTES, ipv6.NextHeader.HOP_BY_HOP, HOP_LIMIT);
  const options = ip + ipv6.HEADER_BYTES;
  ROUTER_ALERT.forEach((byte, index) => frame.setUint8(options + index, byte));
  const report = options + ROUTER_ALERT.length;
  icmp.emit(frame, report, TYPE, 0, 0);
  frame.setUint16(report + RECORDS, 1);
  const record = report + RECORD;
  frame.setUint8(record, CHANGE_TO_EXCLUDE_MODE);
  [a, b, c, d].forEach((word, index) => frame.setInt32(record + RECORD_GROUP + index * 4, word));
  icmp.complete(frame, ip, report, PAYLOAD_BYTES - ROUTER_ALERT.length);
}
