/**
 * Work on a frame that its sender, or the kernel that merged it, left to the next network card: a checksum, or the
 * cutting of a TCP segment that is larger than the MTU. libpcap does not say which frames these are, but they can be
 * told: by their size, and by a checksum field that holds just the sum of the pseudo-header. lvsdr passes the work on
 * to the kernel that sends the frame, in the header described in wire/virtio_net.ts.
 *
 * TCP above the MTU is always taken for merged segments. A sender with a larger MTU could have sent it in one piece,
 * "don't fragment" set, but nothing in a frame tells the two apart, and segments are as good an answer to it: all of
 * its bytes arrive, in an order that TCP understands. UDP is not cut like this: how long the datagrams were that a
 * sender left merged (UDP_SEGMENT in udp(7)) is not in the frame either.
 *
 * @module
 */

import { finish, fold, pseudoHeaderSum, sum } from "./wire/checksum.ts";
import type { FrameRing } from "./frame_ring.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as tcp from "./wire/tcp.ts";
import * as udp from "./wire/udp.ts";
import * as virtio from "./wire/virtio_net.ts";

/** Says that a frame is complete. Hot path. */
export function describeComplete(ring: FrameRing, slot: number): void {
  virtio.clear(ring.view, ring.startOf(slot) - virtio.HEADER_BYTES);
}

/**
 * Says what is left to do for a frame with the whole TCP or UDP packet over IPv4 at `ip`. Hot path.
 *
 * A frame that is complete already and just happens to look unfinished (1 of 65,536) gets the same checksum again.
 *
 * @param mtu Largest IP packet the interface takes; a packet that is larger must be TCP.
 */
export function describeUnfinished(ring: FrameRing, slot: number, ip: number, mtu: number): void {
  const frame = ring.view;
  const header = ipv4.headerBytes(frame, ip);
  const packet = ipv4.totalLength(frame, ip);
  const protocol = ipv4.protocol(frame, ip);
  const pseudo = pseudoHeaderSum(
    ipv4.source(frame, ip),
    ipv4.destination(frame, ip),
    protocol,
    packet - header,
  );
  if (packet <= mtu) {
    describeChecksum(ring, slot, ip + header, protocol, fold(pseudo));
    return;
  }
  describeSegments(ring, slot, ip + header, fold(pseudo), mtu - header, virtio.Segments.TCP_OVER_IPV4);
  ring.lengths[slot] = ip + packet - ring.startOf(slot);
}

/**
 * The same for a packet over IPv6. Hot path.
 *
 * @param transport Absolute offset of the TCP or UDP header.
 */
export function describeUnfinishedIpv6(
  ring: FrameRing,
  slot: number,
  ip: number,
  transport: number,
  protocol: number,
  mtu: number,
): void {
  const frame = ring.view;
  const packet = ipv6.HEADER_BYTES + ipv6.payloadLength(frame, ip);
  const pseudo = fold(ipv6.pseudoHeaderSum(frame, ip, protocol, ip + packet - transport));
  if (packet <= mtu) {
    describeChecksum(ring, slot, transport, protocol, pseudo);
    return;
  }
  describeSegments(ring, slot, transport, pseudo, mtu - (transport - ip), virtio.Segments.TCP_OVER_IPV6);
  ring.lengths[slot] = ip + packet - ring.startOf(slot);
}

/** Says whether the checksum is left to do. */
function describeChecksum(
  ring: FrameRing,
  slot: number,
  transport: number,
  protocol: number,
  pseudo: number,
): void {
  const frame = ring.view;
  const at = ring.startOf(slot);
  const isTcp = protocol === ipv4.Protocol.TCP;
  const checksum = isTcp ? tcp.checksum(frame, transport) : udp.checksum(frame, transport);
  if (checksum !== pseudo) {
    virtio.clear(frame, at - virtio.HEADER_BYTES);
  } else {
    virtio.requestChecksum(
      frame,
      at - virtio.HEADER_BYTES,
      transport - at,
      isTcp ? tcp.CHECKSUM : udp.CHECKSUM,
    );
  }
}

/**
 * Says that a TCP segment is to be cut.
 *
 * @param room Most bytes of TCP header and payload in one packet.
 * @param segments One of {@linkcode virtio.Segments}.
 */
function describeSegments(
  ring: FrameRing,
  slot: number,
  transport: number,
  pseudo: number,
  room: number,
  segments: number,
): void {
  const frame = ring.view;
  const at = ring.startOf(slot);
  const tcpHeader = tcp.headerBytes(frame, transport);
  tcp.setChecksum(frame, transport, pseudo);
  virtio.requestChecksum(frame, at - virtio.HEADER_BYTES, transport - at, tcp.CHECKSUM);
  virtio.requestSegmentation(
    frame,
    at - virtio.HEADER_BYTES,
    segments,
    transport - at + tcpHeader,
    room - tcpHeader,
    (tcp.flags(frame, transport) & tcp.Flag.CWR) !== 0,
  );
}

/** Completes the checksum of a UDP datagram that is whole, if its sender left it to the network card. */
export function completeUdpChecksum(frame: DataView, ip: number): void {
  const header = ipv4.headerBytes(frame, ip);
  const bytes = ipv4.totalLength(frame, ip) - header;
  const datagram = ip + header;
  const pseudo = fold(
    pseudoHeaderSum(ipv4.source(frame, ip), ipv4.destination(frame, ip), ipv4.Protocol.UDP, bytes),
  );
  if (udp.checksum(frame, datagram) !== pseudo) return;
  udp.setChecksum(frame, datagram, finish(sum(frame, datagram, bytes)));
}
