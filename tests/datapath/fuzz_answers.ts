/**
 * What an answer must be that the director gives itself: well-formed, and for who has made it answer.
 *
 * @module
 */

import { Verdict } from "../../datapath/verdict.ts";
import { mac } from "./frame_builder.ts";
import type { Fail } from "./fuzz_forwarded.ts";
import type { SentFrame } from "./memory_port.ts";
import {
  ETHERNET_BYTES,
  ipv4HeaderBytes,
  IPV6_BYTES,
  isIpv4,
  isSame,
  isTagged,
  packetOf,
  sumOf,
  TAG_BYTES,
  transportOf,
  transportSum,
  withoutPadding,
  word16,
  word32,
} from "./packet_bytes.ts";
import { DIRECTOR_MAC, MTU } from "./test_network.ts";

const DIRECTOR_MAC_BYTES = mac(DIRECTOR_MAC);
const ALL_NODES_MAC = mac("33:33:00:00:00:01");
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

const Protocol = { ICMP: 1, TCP: 6, ICMPV6: 58 } as const;
const IPV4_BYTES = 20;
const ICMP_BYTES = 8;
const TCP_BYTES = 20;
const TTL = 64;
const Flag = { FIN: 1, SYN: 2, RST: 4, ACK: 16 } as const;

/** Type and code of an ICMP error over IPv4 and over IPv6 (RFC 792, RFC 4443). */
const ERRORS: Readonly<
  Record<number, readonly [ipv4: readonly [number, number], ipv6: readonly [number, number]]>
> = {
  [Verdict.AnsweredUnreachable]: [[3, 3], [1, 4]],
  [Verdict.AnsweredNoService]: [[3, 3], [1, 4]],
  [Verdict.AnsweredTimeExceeded]: [[11, 0], [3, 0]],
  [Verdict.AnsweredTooBig]: [[3, 4], [2, 0]],
};

/** Checks the answer to a frame. */
export function checkAnswer(verdict: Verdict, before: Uint8Array, sent: SentFrame, fail: Fail): void {
  const { bytes: after, described } = sent;
  if (described.some((byte) => byte !== 0)) fail("the kernel is to work on an answer");
  if (!isSame(after.subarray(6, 12), DIRECTOR_MAC_BYTES)) fail("answered from another MAC");
  const typeEnd = ETHERNET_BYTES + (isTagged(before) ? TAG_BYTES : 0);
  if (!isSame(after.subarray(12, typeEnd), before.subarray(12, typeEnd))) {
    fail("answered with another type or tag");
  }
  const request = packetOf(before);
  const answer = packetOf(after);
  const isForAll = verdict === Verdict.AnsweredNdp && request.subarray(8, 24).every((byte) => byte === 0);
  const asker = isForAll ? ALL_NODES_MAC : before.subarray(6, 12);
  if (!isSame(after.subarray(0, 6), asker)) fail("answered to another MAC");
  if (verdict === Verdict.AnsweredArp) return checkArp(request, answer, fail);
  if (verdict === Verdict.AnsweredNdp) return checkAdvertisement(request, answer, isForAll, fail);
  checkHeader(request, answer, fail);
  if (verdict === Verdict.AnsweredEcho) checkEcho(request, answer, fail);
  else if (verdict === Verdict.AnsweredReset || isSegment(answer)) checkReset(request, answer, fail);
  else checkError(ERRORS[verdict]![isIpv4(request) ? 0 : 1], request, answer, fail);
}

function isSegment(packet: Uint8Array): boolean {
  return packet[isIpv4(packet) ? 9 : 6] === Protocol.TCP;
}

function checkArp(request: Uint8Array, reply: Uint8Array, fail: Fail): void {
  const expected = request.slice();
  expected[7] = 2;
  expected.set(DIRECTOR_MAC_BYTES, 8);
  expected.set(request.subarray(24, 28), 14);
  expected.set(request.subarray(8, 18), 18);
  if (!isSame(reply, expected)) fail(`no reply to its request: ${reply.toHex()}`);
}

function checkAdvertisement(request: Uint8Array, answer: Uint8Array, isForAll: boolean, fail: Fail): void {
  const vip = request.subarray(48, 64);
  const expected = new Uint8Array(IPV6_BYTES + 32);
  expected.set([0x60, 0, 0, 0, 0, 32, Protocol.ICMPV6, 255]);
  expected.set(vip, 8);
  expected.set(isForAll ? ALL_NODES : request.subarray(8, 24), 24);
  expected.set([136, 0, answer[42]!, answer[43]!, isForAll ? 0x20 : 0x60], IPV6_BYTES);
  expected.set(vip, 48);
  expected.set([2, 1, ...DIRECTOR_MAC_BYTES], 64);
  if (!isSame(answer, expected)) fail(`no advertisement of what was asked for: ${answer.toHex()}`);
  if (transportSum(answer, Protocol.ICMPV6) !== 0) fail("the checksum of an advertisement is off");
}

/** An IP header without options, from the VIP back to the client. */
function checkHeader(request: Uint8Array, answer: Uint8Array, fail: Fail): void {
  if (answer.length > MTU) fail("an answer is larger than the MTU");
  if (withoutPadding(answer).length !== answer.length) fail("the length of an answer is off");
  const [source, bytes, hopLimit] = isIpv4(request) ? [12, 4, 8] : [8, 16, 7];
  const isBack =
    isSame(answer.subarray(source, source + bytes), request.subarray(source + bytes, source + 2 * bytes)) &&
    isSame(answer.subarray(source + bytes, source + 2 * bytes), request.subarray(source, source + bytes));
  if (!isBack) fail("answered to or from another address");
  if (answer[hopLimit] !== TTL) fail("an answer has another hop limit");
  if (!isIpv4(request)) {
    if (!isIpv4(answer) && answer[0]! >>> 4 !== 6) fail("no IPv6 packet");
    return;
  }
  if (answer[0] !== 0x45) fail("an answer has options");
  if (sumOf(answer.subarray(0, IPV4_BYTES)) !== 0) fail("the IP checksum of an answer is off");
  if ((word16(answer, 6) & 0x3fff) !== 0) fail("an answer is a fragment");
}

function checkEcho(request: Uint8Array, reply: Uint8Array, fail: Fail): void {
  const isOld = isIpv4(request);
  const header = isOld ? IPV4_BYTES : IPV6_BYTES;
  const asked = withoutPadding(request).subarray(isOld ? ipv4HeaderBytes(request) : transportOf(request));
  const expected = asked.slice();
  expected[0] = isOld ? 0 : 129;
  expected.set(reply.subarray(header + 2, header + 4), 2);
  const message = reply.subarray(header);
  if (reply[isOld ? 9 : 6] !== (isOld ? Protocol.ICMP : Protocol.ICMPV6)) fail("a reply of another protocol");
  if (!isSame(message, expected)) fail(`no reply to its ping: ${reply.toHex()}`);
  // As wrong as before, so that whoever asked finds out. The pseudo-header's sum stays what it was.
  if (sumOf(message) !== sumOf(asked)) fail("the checksum of a reply is off");
}

/** RFC 9293 §3.10.7.1. */
function checkReset(request: Uint8Array, answer: Uint8Array, fail: Fail): void {
  const header = isIpv4(request) ? IPV4_BYTES : IPV6_BYTES;
  const segment = withoutPadding(request).subarray(transportOf(request));
  const reset = answer.subarray(header);
  const flags = segment[13]!;
  if (reset.length !== TCP_BYTES || answer[isIpv4(request) ? 9 : 6] !== Protocol.TCP) fail("no RST");
  if (word16(reset, 0) !== word16(segment, 2) || word16(reset, 2) !== word16(segment, 0)) {
    fail("a RST of other ports");
  }
  if (transportSum(answer, Protocol.TCP) !== 0) fail("the checksum of a RST is off");
  const payload = segment.length - (segment[12]! >>> 4) * 4;
  const taken = payload + ((flags & Flag.SYN) !== 0 ? 1 : 0) + ((flags & Flag.FIN) !== 0 ? 1 : 0);
  const expected = (flags & Flag.ACK) !== 0
    ? [word32(segment, 8), 0, Flag.RST]
    : [0, (word32(segment, 4) + taken) % 2 ** 32, Flag.RST | Flag.ACK];
  const found = [word32(reset, 4), word32(reset, 8), reset[13]!];
  if (found.some((value, index) => value !== expected[index])) {
    fail("a RST that its client would not believe");
  }
}

function checkError(
  [type, code]: readonly [number, number],
  request: Uint8Array,
  answer: Uint8Array,
  fail: Fail,
): void {
  const isOld = isIpv4(request);
  const header = isOld ? IPV4_BYTES : IPV6_BYTES;
  const message = answer.subarray(header);
  if (message[0] !== type || message[1] !== code) fail("another ICMP error");
  const sum = isOld ? sumOf(message) : transportSum(answer, Protocol.ICMPV6);
  if (sum !== 0) fail("the checksum of an ICMP error is off");
  const mtu = (isOld ? type === 3 && code === 4 : type === 2) ? MTU : 0;
  if (word32(message, 4) !== mtu) fail("an ICMP error with another MTU");
  const whole = withoutPadding(request);
  const most = isOld ? ipv4HeaderBytes(request) + 8 : 1_280 - IPV6_BYTES - ICMP_BYTES;
  if (!isSame(message.subarray(ICMP_BYTES), whole.subarray(0, most))) {
    fail("an ICMP error quotes something else");
  }
}
