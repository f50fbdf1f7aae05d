/**
 * What is known of the packet at hand. There is one such object, filled in anew for every frame, so that a frame costs
 * no memory; what locate.ts has found in either family is then the same to everything behind it.
 *
 * @module
 */

import { NONE } from "./connection_table.ts";
import { UNTAGGED } from "./wire/ethernet.ts";

/** Fields are small integers; those of 32 bits are signed. Offsets are absolute, into the arena of the ring. */
export class Packet {
  /** Slot of the ring it is in. */
  slot = 0;
  /** Offset of the frame. */
  at = 0;
  /** Offset of the IP header, or of the ARP packet: behind the tag, if there is one. */
  ip = 0;
  /** VLAN it came in; `UNTAGGED` if it came without a tag, or with one that holds a priority only. */
  vlan: number = UNTAGGED;
  isIpv6 = false;
  /** Bytes of the IP packet, or of what holds the ARP packet. */
  bytes = 0;
  /** Index of the VIP it is for in the forwarding table. */
  vip = NONE;
  /** Words of the client's address, unsigned as the connection table has them. */
  readonly client = new Uint32Array(4);
  hopLimit = 0;
  /** Number of the transport protocol; of a later fragment over IPv6 nothing that counts. */
  protocol = 0;
  /** Offset of what is behind the IP headers. */
  transport = 0;
  /** Bytes from there to the end of the packet. */
  payloadBytes = 0;
  /** Client port in the high half, service port in the low. */
  ports = 0;
  /** TCP flags; 0 for all else. */
  flags = 0;
  isFragment = false;
  /** Bytes of the fragmented payload that come before this fragment. */
  fragmentOffset = 0;
  /** Bytes of it that are in this fragment. */
  fragmentBytes = 0;
  /** Stands for the VIP it is for; known of a fragment only. */
  vipIdentity = 0;
  /** What the fragments of a packet share besides their addresses. */
  fragmentNumber = 0;

  /** Bytes of the Ethernet header, tag included. */
  get headerBytes(): number {
    return this.ip - this.at;
  }
}
