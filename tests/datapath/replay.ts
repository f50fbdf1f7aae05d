/**
 * Replaying a capture through the engine, and what must come out.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Verdict, VERDICTS } from "../../datapath/verdict.ts";
import { finishedFrames } from "./finished_frames.ts";
import { virtioHeader } from "./fixture.ts";
import { concat, internetChecksum, mac } from "./frame_builder.ts";
import { PcapFilePort } from "./pcap_file_port.ts";
import { DIRECTOR_MAC, MTU, Port, SERVER_MAC, service, TestNetwork, VIP, VIP6 } from "./test_network.ts";

const TCP = 6;
const UDP = 17;

/**
 * The services of the cluster that captures are made in. A capture may begin with the end of a connection that was
 * opened before it; it is to be forwarded all the same.
 */
const SERVICES = [VIP, VIP6].flatMap((vip) => [
  service(TCP, Port.WEB, { vip, unknown: "schedule" }),
  service(TCP, Port.DNS, { vip, unknown: "schedule" }),
  service(UDP, Port.DNS, { vip }),
]);

/** Where the IP header begins. */
const IP = 14;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
const NEEDS_CHECKSUM = 1;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;
const IPV6_HEADER_BYTES = 40;
const FRAGMENT_HEADER = 44;

/** What came and what left, in order. */
export interface Replay {
  readonly received: readonly Uint8Array[];
  readonly sent: readonly Uint8Array[];
}

/**
 * Lets the frames of a capture file through an engine.
 *
 * @throws {assert.AssertionError} If one of them is not forwarded.
 */
export function replay(file: Uint8Array): Replay {
  const port = new PcapFilePort(file);
  const network = new TestNetwork({ port, services: SERVICES });
  let nowMs = 1;
  while (network.engine.breathe(nowMs) > 0) nowMs += 1;
  const ends = VERDICTS.map(({ name }, verdict) => ({ name, frames: network.engine.verdicts[verdict]! }));
  assert.deepEqual(
    ends.filter(({ frames }) => frames > 0),
    [{ name: VERDICTS[Verdict.Forwarded]!.name, frames: port.received.length }],
  );
  return { received: port.received, sent: port.sent };
}

/**
 * Fails unless what left is, byte for byte and in the same order, what came: with other MACs, one hop less and the
 * checksum of the IP header that belongs to it, if there is one, and with what the sender's network card would have done by now.
 */
export function assertOnlyAddressed({ received, sent }: Replay): void {
  const expected = received.flatMap(onTheWire).map(addressed);
  for (const [index, frame] of expected.entries()) {
    assert.equal(sent[index]?.toHex(), frame.toHex(), `frame ${index} on the wire`);
  }
  assert.equal(sent.length, expected.length, "something has left that never came");
}

/** The frames that a sender's network card makes of one that is merged, or lacks its checksum. */
export function onTheWire(frame: Uint8Array): Uint8Array[] {
  const { isIpv6, protocol, transport, end, isFragment } = locate(frame);
  if (isFragment) return [frame];
  const checksumOffset = protocol === TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
  const description = { flags: NEEDS_CHECKSUM, checksumStart: transport, checksumOffset };
  if (end - IP > MTU) {
    assert.equal(protocol, TCP, "only TCP is captured merged");
    const tcpHeader = (frame[transport + 12]! >>> 4) * 4;
    const gsoBytes = MTU - (transport - IP) - tcpHeader;
    const gsoType = isIpv6 ? GSO_TCPV6 : GSO_TCPV4;
    return finishedFrames(frame, virtioHeader({ ...description, gsoType, gsoBytes }));
  }
  const length = end - transport;
  const addresses = isIpv6 ? frame.subarray(IP + 8, IP + 40) : frame.subarray(IP + 12, IP + 20);
  const pseudoHeader = concat(addresses, [0, protocol, length >>> 8, length & 255]);
  const checksum = frame[transport + checksumOffset]! * 256 + frame[transport + checksumOffset + 1]!;
  const isUnfinished = checksum === (~internetChecksum(pseudoHeader) & 0xffff);
  return isUnfinished ? finishedFrames(frame, virtioHeader(description)) : [frame];
}

/** Where the parts of a TCP or UDP packet without options are. */
function locate(frame: Uint8Array): {
  readonly isIpv6: boolean;
  readonly protocol: number;
  readonly transport: number;
  /** Where the packet ends. */
  readonly end: number;
  readonly isFragment: boolean;
} {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame[IP]! >>> 4 === 6) {
    const transport = IP + IPV6_HEADER_BYTES;
    const protocol = frame[IP + 6]!;
    const end = transport + view.getUint16(IP + 4);
    return { isIpv6: true, protocol, transport, end, isFragment: protocol === FRAGMENT_HEADER };
  }
  return {
    isIpv6: false,
    protocol: frame[IP + 9]!,
    transport: IP + (frame[IP]! & 15) * 4,
    end: IP + view.getUint16(IP + 2),
    isFragment: (view.getUint16(IP + 6) & 0x3fff) !== 0,
  };
}

/** The frame on its way to the real server. */
function addressed(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  const { isIpv6, transport } = locate(copy);
  copy.set(concat(mac(SERVER_MAC), mac(DIRECTOR_MAC)));
  copy[IP + (isIpv6 ? 7 : 8)]! -= 1;
  if (isIpv6) return copy;
  const header = copy.subarray(IP, transport);
  header.set([0, 0], 10);
  const checksum = internetChecksum(header);
  header.set([checksum >>> 8, checksum & 255], 10);
  return copy;
}
