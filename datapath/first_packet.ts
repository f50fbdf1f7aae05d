/**
 * The packet that opens a connection, as it would arrive for a VIP.
 *
 * @module
 */

import { IPV4_MAPPED } from "../model/ip_address.ts";
import { FrameRing } from "./frame_ring.ts";
import type { LocalInterface } from "./local_interface.ts";
import { finish, sum } from "./wire/checksum.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as tcp from "./wire/tcp.ts";
import * as udp from "./wire/udp.ts";
import * as vlanTag from "./wire/vlan.ts";

/** Hop limit it arrives with. */
const ARRIVING_HOP_LIMIT = 64;

/** What decides where it goes; addresses are four words each. */
export interface FirstPacket {
  readonly client: Uint32Array;
  readonly vip: Uint32Array;
  /** Client port in the high half, service port in the low. */
  readonly ports: number;
  /** IP protocol number. */
  readonly protocol: number;
  /** `UNTAGGED` for none. */
  readonly vlan: number;
}

/** Puts a SYN, or an empty datagram, into `slot`. Its transport checksum is zero: nobody on the way looks at it. */
export function putFirstPacket(
  ring: FrameRing,
  slot: number,
  local: LocalInterface,
  packet: FirstPacket,
): void {
  const frame = ring.view;
  const at = FrameRing.frameAt(slot);
  const { client, vip, ports, protocol, vlan } = packet;
  const isTcp = protocol === ipv4.Protocol.TCP;
  const payloadBytes = isTcp ? tcp.HEADER_BYTES : udp.HEADER_BYTES;
  const isIpv4 = vip[0] === 0 && vip[1] === 0 && vip[2] === IPV4_MAPPED;
  const tagBytes = vlan === ethernet.UNTAGGED ? 0 : ethernet.TAG_BYTES;
  ethernet.setDestination(frame, at, local.macHigh, local.macLow);
  // Whose MAC it comes from decides nothing, as long as it is not our own.
  ethernet.setSource(frame, at, local.macHigh ^ 0x0200, local.macLow);
  ethernet.setEtherType(frame, at + tagBytes, isIpv4 ? ethernet.EtherType.IPV4 : ethernet.EtherType.IPV6);
  if (tagBytes > 0) vlanTag.emit(frame, at, vlan);
  const ip = at + ethernet.HEADER_BYTES + tagBytes;
  const transport = ip + (isIpv4 ? ipv4.HEADER_BYTES : ipv6.HEADER_BYTES);
  if (isIpv4) {
    ipv4.emit(
      frame,
      ip,
      0,
      ipv4.HEADER_BYTES + payloadBytes,
      ARRIVING_HOP_LIMIT,
      protocol,
      client[3]!,
      vip[3]!,
    );
    ipv4.setChecksum(frame, ip, finish(sum(frame, ip, ipv4.HEADER_BYTES)));
  } else {
    ipv6.emit(frame, ip, 0, payloadBytes, protocol, ARRIVING_HOP_LIMIT);
    ipv6.setSource(frame, ip, client[0]!, client[1]!, client[2]!, client[3]!);
    ipv6.setDestination(frame, ip, vip[0]!, vip[1]!, vip[2]!, vip[3]!);
  }
  if (isTcp) tcp.emit(frame, transport, ports >>> 16, ports & 0xffff, 0, 0, tcp.Flag.SYN);
  else udp.emit(frame, transport, ports, payloadBytes);
  ring.lengths[slot] = transport + payloadBytes - at;
}
