/**
 * The legacy virtio network header (`struct virtio_net_hdr`, linux/virtio_net.h), which a packet socket with
 * `PACKET_VNET_HDR` wants before every frame it sends: it tells the kernel which work the frame still needs.
 * Fields are in the order of the host, which is little-endian on every machine lvsdr runs on.
 *
 * @module
 */

export const FLAGS = 0;
export const GSO_TYPE = 1;
export const HEADER_LENGTH = 2;
export const GSO_SIZE = 4;
export const CHECKSUM_START = 6;
export const CHECKSUM_OFFSET = 8;

/** Bytes of the header. */
export const HEADER_BYTES = 10;

const NEEDS_CHECKSUM = 1;
const GSO_ECN = 0x80;

/** What a frame is cut into. */
export const Segments = { TCP_OVER_IPV4: 1, TCP_OVER_IPV6: 4 } as const;

/** Nothing is left to do. */
export function clear(frame: DataView, at: number): void {
  frame.setUint32(at, 0);
  frame.setUint32(at + 4, 0);
  frame.setUint16(at + 8, 0);
}

/**
 * The kernel is to complete a checksum: its field holds the pseudo-header's sum.
 *
 * @param start Bytes from the start of the frame to the first byte that is summed.
 * @param offset Bytes from `start` to the checksum.
 */
export function requestChecksum(frame: DataView, at: number, start: number, offset: number): void {
  clear(frame, at);
  frame.setUint8(at + FLAGS, NEEDS_CHECKSUM);
  frame.setUint16(at + CHECKSUM_START, start, true);
  frame.setUint16(at + CHECKSUM_OFFSET, offset, true);
}

/**
 * The kernel, or the device, is to cut a TCP segment into several; to be set after {@linkcode requestChecksum}.
 *
 * @param segments One of {@linkcode Segments}.
 * @param headerBytes Bytes from the start of the frame to the TCP payload.
 * @param payloadBytes Most payload bytes of one segment.
 * @param isCongestionReduced Whether the CWR flag is set, which only the first segment may keep (RFC 3168 §6.1.2).
 */
export function requestSegmentation(
  frame: DataView,
  at: number,
  segments: number,
  headerBytes: number,
  payloadBytes: number,
  isCongestionReduced: boolean,
): void {
  frame.setUint8(at + GSO_TYPE, isCongestionReduced ? segments | GSO_ECN : segments);
  frame.setUint16(at + HEADER_LENGTH, headerBytes, true);
  frame.setUint16(at + GSO_SIZE, payloadBytes, true);
}
