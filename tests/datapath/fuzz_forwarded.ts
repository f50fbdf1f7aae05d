/**
 * What may be different about a frame that is passed on to a real server.
 *
 * @module
 */

import * as virtio from "../../datapath/wire/virtio_net.ts";
import { finishedFrames } from "./finished_frames.ts";
import { mac } from "./frame_builder.ts";
import type { SentFrame } from "./memory_port.ts";
import {
  ETHERNET_BYTES,
  ipv4HeaderBytes,
  isIpv4,
  isSame,
  isTagged,
  packetOf,
  sumOf,
  withoutPadding,
  word16,
} from "./packet_bytes.ts";
import { DIRECTOR_MAC, MTU } from "./test_network.ts";

/** Of the IP packet. */
const TOTAL_LENGTH_OFFSET = 2;
const FRAGMENT_OFFSET = 6;
const TTL_OFFSET = 8;
const HOP_LIMIT_OFFSET = 7;
const PROTOCOL_OFFSET = 9;
const IP_CHECKSUM_OFFSET = 10;
const IPV4_BYTES = 20;
const TCP_CHECKSUM_OFFSET = 16;
const UDP_CHECKSUM_OFFSET = 6;
const UDP = 17;
const NO_OPERATION = 1;

const MORE_FRAGMENTS = 0x2000;
/** Of the word with the offset of a fragment, in units of eight bytes. */
const OFFSET_BITS = 0x1fff;

const DIRECTOR_MAC_BYTES = mac(DIRECTOR_MAC);

/** Ends the run, saying what is wrong. */
export type Fail = (what: string) => never;

/**
 * Only MACs, VLAN, hop limit and IP checksum may differ, and the TCP checksum where the kernel is to complete it
 * anyway.
 */
export function checkRewritten(
  before: Uint8Array,
  sent: SentFrame,
  serverMacs: readonly Uint8Array[],
  fail: Fail,
): void {
  checkEthernet(before, sent.bytes, serverMacs, fail);
  const { bytes: after, described } = sent;
  const packet = packetOf(after);
  const arrived = packetOf(before);
  const expected = arrived.slice(0, packet.length);
  expected[isIpv4(arrived) ? TTL_OFFSET : HOP_LIMIT_OFFSET]! -= 1;
  if (isIpv4(arrived)) copy(packet, IP_CHECKSUM_OFFSET, expected);
  const isCutByKernel = described[virtio.GSO_TYPE] !== 0;
  if (isCutByKernel) {
    const start = new DataView(described.buffer).getUint16(virtio.CHECKSUM_START, true);
    copy(packet, start - (after.length - packet.length) + TCP_CHECKSUM_OFFSET, expected);
  } else if (packet.length !== arrived.length) {
    fail(`${before.length} bytes became ${after.length}`);
  }
  if (!isSame(packet, expected)) fail(`more is rewritten than may be: ${after.toHex()}`);
  // Whatever was wrong with the sum is wrong by as much as before: a damaged header stays damaged.
  if (isIpv4(packet) && headerSum(packet) !== headerSum(arrived)) fail("the IP checksum is off");
  if (!isCutByKernel && withoutPadding(packet).length > MTU) {
    fail("larger than the MTU, and nobody will cut it");
  }
  if (isCutByKernel && finishedFrames(after, described).some((frame) => packetOf(frame).length > MTU)) {
    fail("the kernel will make packets larger than the MTU of it");
  }
}

/** The pieces of a packet over IPv4 must be fragments that give it again, hop limit and UDP checksum aside. */
export function checkPieces(
  before: Uint8Array,
  pieces: readonly SentFrame[],
  serverMacs: readonly Uint8Array[],
  fail: Fail,
): void {
  const whole = withoutPadding(packetOf(before));
  const header = ipv4HeaderBytes(whole);
  const fragment = word16(whole, FRAGMENT_OFFSET);
  const isWhole = (fragment & (MORE_FRAGMENTS | OFFSET_BITS)) === 0;
  const expected = whole.slice(header);
  let done = 0;
  if (pieces.length < 2) fail("a single piece");
  for (const [index, { bytes, described }] of pieces.entries()) {
    checkEthernet(before, bytes, serverMacs, fail);
    const packet = packetOf(bytes);
    const payload = packet.subarray(header);
    const isLast = index === pieces.length - 1;
    if (described.some((byte) => byte !== 0)) fail("the kernel is to work on a piece");
    if (packet.length > MTU) fail("a piece is larger than the MTU");
    if (word16(packet, TOTAL_LENGTH_OFFSET) !== packet.length) fail("the length of a piece is off");
    if (headerSum(packet) !== 0) fail("the IP checksum of a piece is off");
    const isFollowed = !isLast || (fragment & MORE_FRAGMENTS) !== 0;
    if (isFollowed && payload.length % 8 !== 0) fail("a piece that is followed ends anywhere");
    const place = (fragment & ~(MORE_FRAGMENTS | OFFSET_BITS)) | (isFollowed ? MORE_FRAGMENTS : 0) |
      ((fragment & OFFSET_BITS) + done / 8);
    if (word16(packet, FRAGMENT_OFFSET) !== place) fail("a piece has another place in its packet");
    const isFirst = (fragment & OFFSET_BITS) + done === 0;
    checkPieceHeader(whole.subarray(0, header), packet.subarray(0, header), isFirst, fail);
    // The kernel cannot complete the checksum of what is cut.
    if (isWhole && whole[PROTOCOL_OFFSET] === UDP && done === 0) copy(payload, UDP_CHECKSUM_OFFSET, expected);
    if (!isSame(payload, expected.subarray(done, done + payload.length))) fail("a piece holds other bytes");
    done += payload.length;
  }
  if (done !== expected.length) fail(`${done} of ${expected.length} bytes have left`);
}

function checkPieceHeader(whole: Uint8Array, piece: Uint8Array, isFirst: boolean, fail: Fail): void {
  const expected = whole.slice();
  expected[TTL_OFFSET]! -= 1;
  for (const at of [TOTAL_LENGTH_OFFSET, FRAGMENT_OFFSET, IP_CHECKSUM_OFFSET]) copy(piece, at, expected);
  // Options for the first fragment alone (RFC 791 §3.1).
  for (let at = IPV4_BYTES; !isFirst && at < piece.length; at++) {
    if (piece[at] === NO_OPERATION) expected[at] = NO_OPERATION;
  }
  if (!isSame(piece, expected)) fail("the header of a piece is another");
}

function checkEthernet(
  before: Uint8Array,
  after: Uint8Array,
  serverMacs: readonly Uint8Array[],
  fail: Fail,
): void {
  if (!serverMacs.some((address) => isSame(after.subarray(0, 6), address))) {
    fail("sent to a MAC of no real server");
  }
  if (!isSame(after.subarray(6, 12), DIRECTOR_MAC_BYTES)) fail("sent from another MAC");
  if (isTagged(before) && isTagged(after) && after[ETHERNET_BYTES]! >>> 4 !== before[ETHERNET_BYTES]! >>> 4) {
    fail("the priority has changed");
  }
  const type = word16(after, after.length - packetOf(after).length - 2);
  if (type !== word16(before, before.length - packetOf(before).length - 2)) fail("sent as another type");
}

function copy(from: Uint8Array, at: number, to: Uint8Array): void {
  to.set(from.subarray(at, at + 2), at);
}

function headerSum(packet: Uint8Array): number {
  return sumOf(packet.subarray(0, ipv4HeaderBytes(packet)));
}
