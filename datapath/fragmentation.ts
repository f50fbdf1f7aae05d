/**
 * Cutting a packet that is larger than the MTU (RFC 791 §3.2), which a router does where "don't fragment" is not set.
 *
 * @module
 */

import { FrameRing } from "./frame_ring.ts";
import { describeComplete } from "./offload.ts";
import type { SendQueue } from "./send_queue.ts";
import { finish, sum } from "./wire/checksum.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv4 from "./wire/ipv4.ts";

/**
 * Cuts the packet in `slot`, which is complete and may be a fragment itself. All fragments but the last are queued in
 * slots of their own; the last one stays in `slot`. Hot path.
 *
 * @param mtu Largest packet that may leave, bytes.
 */
export function cutPacket(ring: FrameRing, slot: number, mtu: number, queue: SendQueue): void {
  const frame = ring.view;
  const at = FrameRing.frameAt(slot);
  const ip = at + ethernet.HEADER_BYTES;
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
    completeFragment(ring, spare, room, offset + done, true);
    queue.add(spare);
  }
  ring.arena.copyWithin(payload, payload + done, payload + payloadBytes);
  completeFragment(ring, slot, payloadBytes - done, offset + done, isFollowed);
}

function completeFragment(
  ring: FrameRing,
  slot: number,
  payloadBytes: number,
  offset: number,
  isFollowed: boolean,
): void {
  const frame = ring.view;
  const ip = FrameRing.frameAt(slot) + ethernet.HEADER_BYTES;
  const header = ipv4.headerBytes(frame, ip);
  ipv4.setTotalLength(frame, ip, header + payloadBytes);
  ipv4.setFragment(frame, ip, offset, isFollowed);
  if (offset > 0) ipv4.blankFirstOnlyOptions(frame, ip);
  ipv4.setChecksum(frame, ip, 0);
  ipv4.setChecksum(frame, ip, finish(sum(frame, ip, header)));
  ring.lengths[slot] = ethernet.HEADER_BYTES + header + payloadBytes;
  describeComplete(ring, slot);
}
