/**
 * Cutting a packet that is larger than the MTU (RFC 791 §3.2), which a router does where "don't fragment" is not set.
 *
 * @module
 */

import { FrameRing } from "./frame_ring.ts";
import { describeComplete } from "./offload.ts";
import type { Packet } from "./packet.ts";
import type { SendQueue } from "./send_queue.ts";
import { finish, sum } from "./wire/checksum.ts";
import * as ipv4 from "./wire/ipv4.ts";

/**
 * Cuts the IPv4 packet at hand, which is complete and may be a fragment itself. All fragments but the last are queued
 * in slots of their own; the last one stays where it is. Hot path.
 *
 * @param mtu Largest packet that may leave, bytes.
 */
export function cutPacket(ring: FrameRing, packet: Packet, mtu: number, queue: SendQueue): void {
  const frame = ring.view;
  const { slot, at, ip } = packet;
  const header = ipv4.headerBytes(frame, ip);
  const payload = ip + header;
  const payloadBytes = ipv4.totalLength(frame, ip) - header;
  const offset = ipv4.fragmentOffset(frame, ip);
  const isFollowed = ipv4.hasMoreFragments(frame, ip);
  const room = (mtu - header) & ~7;
  let done = 0;
  for (; payloadBytes - done > room; done += room) {
    const spare = queue.spare();
    const to = FrameRing.frameAt(spare);
    ring.arena.copyWithin(to, at, payload);
    ring.arena.copyWithin(to + payload - at, payload + done, payload + done + room);
    completeFragment(ring, to + ip - at, room, offset + done, true);
    ring.shifts[spare] = 0;
    ring.egress[spare] = ring.egress[slot]!;
    ring.lengths[spare] = payload - at + room;
    describeComplete(ring, spare);
    queue.add(spare);
  }
  ring.arena.copyWithin(payload, payload + done, payload + payloadBytes);
  completeFragment(ring, ip, payloadBytes - done, offset + done, isFollowed);
  ring.lengths[slot] = payload - at + payloadBytes - done;
  describeComplete(ring, slot);
}

function completeFragment(
  ring: FrameRing,
  ip: number,
  payloadBytes: number,
  offset: number,
  isFollowed: boolean,
): void {
  const frame = ring.view;
  const header = ipv4.headerBytes(frame, ip);
  ipv4.setTotalLength(frame, ip, header + payloadBytes);
  ipv4.setFragment(frame, ip, offset, isFollowed);
  if (offset > 0) ipv4.blankFirstOnlyOptions(frame, ip);
  ipv4.setChecksum(frame, ip, 0);
  ipv4.setChecksum(frame, ip, finish(sum(frame, ip, header)));
}
