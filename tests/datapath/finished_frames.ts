/**
 * What becomes of a frame whose `virtio_net_hdr` asks for more work: the kernel completes its checksum, and cuts merged
 * TCP segments. Here it is done as Linux does it (skb_checksum_help(), tcp_gso_segment()), for tests that have no
 * kernel between them and the wire. It shares no code with `datapath/`.
 *
 * @module
 */

import { concat, internetChecksum } from "./frame_builder.ts";

const NEEDS_CHECKSUM = 1;
const GSO_TYPE_MASK = 0x7f;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;

const IP_AT_LEAST = 14;
const TCP_PROTOCOL = 6;
const TCP_SEQUENCE = 4;
const TCP_HEADER_WORDS = 12;
const TCP_FLAGS = 13;
const TCP_CHECKSUM = 16;
/** Flags that only the last segment keeps. */
const FIN_AND_PSH = 0x09;
/** Flag that only the first segment keeps. */
const CWR = 0x80;

/** The fields of a `virtio_net_hdr`. */
interface Description {
  readonly needsChecksum: boolean;
  readonly gsoType: number;
  readonly gsoBytes: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
}

/**
 * The frames that a wire would carry.
 *
 * @param described The ten bytes of the `virtio_net_hdr`.
 */
export function finishedFrames(frame: Uint8Array, described: Uint8Array): Uint8Array[] {
  const description = describe(described);
  if (description.gsoType !== 0) return segments(frame, description);
  return [description.needsChecksum ? withChecksum(frame, description) : frame];
}

function describe(described: Uint8Array): Description {
  const view = new DataView(described.buffer, described.byteOffset, described.byteLength);
  return {
    needsChecksum: (view.getUint8(0) & NEEDS_CHECKSUM) !== 0,
    gsoType: view.getUint8(1) & GSO_TYPE_MASK,
    gsoBytes: view.getUint16(4, true),
    checksumStart: view.getUint16(6, true),
    checksumOffset: view.getUint16(8, true),
  };
}

/** The checksum's own field holds the sum of the pseudo-header, so that a plain sum over all of it is right. */
function withChecksum(frame: Uint8Array, { checksumStart, checksumOffset }: Description): Uint8Array {
  const whole = frame.slice();
  // Zero would say that there is no checksum (RFC 768).
  const checksum = internetChecksum(whole.subarray(checksumStart)) || 0xffff;
  new DataView(whole.buffer).setUint16(checksumStart + checksumOffset, checksum);
  return whole;
}

function segments(frame: Uint8Array, { gsoType, gsoBytes, checksumStart }: Description): Uint8Array[] {
  if (gsoType !== GSO_TCPV4 && gsoType !== GSO_TCPV6) throw new Error(`Cannot cut GSO type ${gsoType}`);
  const headerBytes = checksumStart + (frame[checksumStart + TCP_HEADER_WORDS]! >>> 4) * 4;
  const header = frame.subarray(0, headerBytes);
  const payload = frame.subarray(headerBytes);
  const count = Math.ceil(payload.length / gsoBytes);
  return Array.from({ length: count }, (_, index) => {
    const piece = payload.subarray(index * gsoBytes, (index + 1) * gsoBytes);
    const segment = concat(header, piece);
    const view = new DataView(segment.buffer);
    const ip = ipOffset(segment, checksumStart, gsoType);
    if (gsoType === GSO_TCPV4) setIpv4Header(view, ip, checksumStart, index);
    else view.setUint16(ip + 4, segment.length - ip - 40);
    view.setUint32(
      checksumStart + TCP_SEQUENCE,
      view.getUint32(checksumStart + TCP_SEQUENCE) + index * gsoBytes,
    );
    if (index < count - 1) segment[checksumStart + TCP_FLAGS]! &= ~FIN_AND_PSH;
    if (index > 0) segment[checksumStart + TCP_FLAGS]! &= ~CWR;
    view.setUint16(checksumStart + TCP_CHECKSUM, 0);
    const checksum = internetChecksum(
      concat(pseudoHeader(segment, ip, checksumStart), segment.subarray(checksumStart)),
    );
    view.setUint16(checksumStart + TCP_CHECKSUM, checksum);
    return segment;
  });
}

/** Where the IP header begins: behind the Ethernet header and a VLAN tag, if there is one. */
function ipOffset(frame: Uint8Array, transport: number, gsoType: number): number {
  for (let ip = IP_AT_LEAST; ip < transport; ip += 4) {
    if (frame[ip]! >>> 4 === (gsoType === GSO_TCPV4 ? 4 : 6)) return ip;
  }
  throw new Error("No IP header before the TCP header");
}

function setIpv4Header(view: DataView, ip: number, transport: number, index: number): void {
  view.setUint16(ip + 2, view.byteLength - ip);
  view.setUint16(ip + 4, view.getUint16(ip + 4) + index);
  view.setUint16(ip + 10, 0);
  view.setUint16(ip + 10, internetChecksum(new Uint8Array(view.buffer, ip, transport - ip)));
}

function pseudoHeader(segment: Uint8Array, ip: number, transport: number): Uint8Array {
  const length = segment.length - transport;
  const [from, to] = segment[ip]! >>> 4 === 4 ? [ip + 12, ip + 20] : [ip + 8, ip + 40];
  return concat(segment.subarray(from, to), [0, TCP_PROTOCOL, length >>> 8, length & 255]);
}
