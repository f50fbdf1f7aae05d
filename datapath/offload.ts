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
import * as ethernet from "./wire/ethernet.ts";
import { FrameRing } from "./frame_ring.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as tcp from "./wire/tcp.ts";
import * as udp from "./wire/udp.ts";
import * as virtio from "./wire/virtio_net.ts";

/** Says that a frame is complete. Hot path. */
export function describeComplete(ring: FrameRing, slot: number): void {
  virtio.clear(ring.view, FrameRing.frameAt(slot) - virtio.HEADER_BYTES);
}

/**
 * Says what is left to do for a TCP or UDP frame over IPv4. Hot path.
 *
 * A frame that is complete already and just happens to look unfinished (1 of 65,536) gets the same checksum again.
 *
 * @param mtu Largest IP packet the interface takes.
 * @returns Whether the frame can be sent; a frame larger than the MTU can only if it is TCP.
 */
export function describeUnfinished(ring: FrameRing, slot: number, mtu: number): boolean {
  const frame = ring.view;
  const at = FrameRing.frameAt(slot);
  const ip = at + ethernet.HEADER_BYTES;
  const describedAt = at - virtio.HEADER_BYTES;
  const ipHeader = ipv4.headerBytes(frame, ip);
  const packet = ipv4.totalLength(frame, ip);
  const transport = ip + ipHeader;
  const protocol = ipv4.protocol(frame, ip);
  const pseudo = fold(
    pseudoHeaderSum(ipv4.source(frame, ip), ipv4.destination(frame, ip), protocol, packet - ipHeader),
  );
  const start = ethernet.HEADER_BYTES + ipHeader;
  if (packet <= mtu) {
    const checksum = protocol === ipv4.Protocol.TCP
      ? tcp.checksum(frame, transport)
      : udp.checksum(frame, transport);
    if (checksum !== pseudo) {
      virtio.clear(frame, describedAt);
    } else {
      virtio.requestChecksum(
        frame,
        describedAt,
        start,
        protocol === ipv4.Protocol.TCP ? tcp.CHECKSUM : udp.CHECKSUM,
      );
    }
    return true;
  }
  if (protocol !== ipv4.Protocol.TCP) return false;
  const tcpHeader = tcp.headerBytes(frame, transport);
  tcp.setChecksum(frame, transport, pseudo);
  virtio.requestChecksum(frame, describedAt, start, tcp.CHECKSUM);
  virtio.requestSegmentation(
    frame,
    describedAt,
    start + tcpHeader,
    mtu - ipHeader - tcpHeader,
    (tcp.flags(frame, transport) & tcp.Flag.CWR) !== 0,
  );
  ring.lengths[slot] = ethernet.HEADER_BYTES + packet;
  return true;
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
