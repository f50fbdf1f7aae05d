/**
 * Finding out what a frame holds, and where. Every length is checked here, once; behind it, offsets are trusted, and
 * IPv4 and IPv6 are the same.
 *
 * @module
 */

import { IPV4_MAPPED } from "../model/ip_address.ts";
import { NONE } from "./connection_table.ts";
import type { ForwardingTable } from "./forwarding_table.ts";
import { FrameRing } from "./frame_ring.ts";
import type { LocalInterface } from "./local_interface.ts";
import type { Packet } from "./packet.ts";
import { Verdict } from "./verdict.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as icmpv4 from "./wire/icmpv4.ts";
import * as icmpv6 from "./wire/icmpv6.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as tcp from "./wire/tcp.ts";
import * as udp from "./wire/udp.ts";
import * as vlan from "./wire/vlan.ts";

/** What is in a frame that has not ended yet. All negative, so that none can be taken for a verdict. */
export const Holds = {
  /** TCP or UDP for a VIP, whole or a first fragment. */
  Transport: -1,
  /** A fragment for a VIP, without ports. */
  LaterFragment: -2,
  /** A ping of a VIP. */
  Echo: -3,
  /** An ICMP error for a VIP. */
  IcmpError: -4,
  Arp: -5,
  /** Neighbor Solicitation or Advertisement. */
  NeighborMessage: -6,
} as const;
export type Holds = typeof Holds[keyof typeof Holds];

export class Locator {
  readonly #ring: FrameRing;
  readonly #local: LocalInterface;
  readonly #packet: Packet;
  readonly #chain = new ipv6.HeaderChain();

  /** @param packet Is filled in. */
  constructor(ring: FrameRing, local: LocalInterface, packet: Packet) {
    this.#ring = ring;
    this.#local = local;
    this.#packet = packet;
  }

  /**
   * Locates what the frame in `slot` holds. Hot path.
   *
   * @returns What it is, or the verdict where there is nothing to find out any more. Only fields that mean something
   *   for what it is are filled in.
   */
  locate(table: ForwardingTable, slot: number): Holds | Verdict {
    const frame = this.#ring.view;
    const packet = this.#packet;
    const length = this.#ring.lengths[slot]!;
    const at = FrameRing.frameAt(slot);
    this.#ring.shifts[slot] = 0;
    this.#ring.egress[slot] = 0;
    if (length < ethernet.HEADER_BYTES) {
      return length === 0 ? Verdict.DroppedTruncated : Verdict.DroppedMalformed;
    }
    const { macHigh, macLow } = this.#local;
    if (ethernet.sourceLow(frame, at) === macLow && ethernet.sourceHigh(frame, at) === macHigh) {
      return Verdict.IgnoredOwnSource;
    }
    if (ethernet.isGroupSource(frame, at)) return Verdict.DroppedMalformed;
    const isForUs = ethernet.destinationLow(frame, at) === macLow &&
      ethernet.destinationHigh(frame, at) === macHigh;
    // Another program may have made the interface promiscuous: frames for other hosts are theirs to handle.
    if (!isForUs && !ethernet.isGroupDestination(frame, at)) return Verdict.IgnoredOtherHost;
    let type = ethernet.etherType(frame, at);
    let header = ethernet.HEADER_BYTES;
    packet.slot = slot;
    packet.at = at;
    packet.vlan = ethernet.UNTAGGED;
    if (type === ethernet.EtherType.VLAN) {
      header += ethernet.TAG_BYTES;
      if (length < header) return Verdict.DroppedMalformed;
      packet.vlan = vlan.identifier(frame, at);
      type = vlan.innerType(frame, at);
    }
    packet.ip = at + header;
    packet.bytes = length - header;
    if (type === ethernet.EtherType.IPV4) return this.#locateIpv4(table, isForUs);
    if (type === ethernet.EtherType.IPV6) return this.#locateIpv6(table, isForUs);
    return type === ethernet.EtherType.ARP ? Holds.Arp : Verdict.IgnoredProtocol;
  }

  /**
   * Locates the head of the packet that the ICMP error at hand quotes, which the VIP has sent: client, ports and
   * protocol of the packet become those of the connection that it belongs to. Hot path.
   *
   * @returns {@linkcode Holds.Transport}, or the verdict where there is no such connection.
   */
  locateQuoted(): typeof Holds.Transport | Verdict {
    return this.#packet.isIpv6 ? this.#locateQuotedIpv6() : this.#locateQuotedIpv4();
  }

  #locateIpv4(table: ForwardingTable, isForUs: boolean): Holds | Verdict {
    const frame = this.#ring.view;
    const packet = this.#packet;
    const { ip, client } = packet;
    if (packet.bytes < ipv4.HEADER_BYTES || ipv4.version(frame, ip) !== 4) return Verdict.DroppedMalformed;
    const header = ipv4.headerBytes(frame, ip);
    const bytes = ipv4.totalLength(frame, ip);
    if (header < ipv4.HEADER_BYTES || bytes < header || bytes > packet.bytes) return Verdict.DroppedMalformed;
    const vip = table.vipIndex(0, 0, IPV4_MAPPED, ipv4.destination(frame, ip));
    const outcome = this.#vipOutcome(table, vip, isForUs);
    if (outcome !== Holds.Transport) return outcome;
    // Whatever is answered to such a source would reach nobody, or everybody.
    if (!ipv4.isHostSource(frame, ip)) return Verdict.DroppedMalformed;
    packet.isIpv6 = false;
    packet.bytes = bytes;
    packet.protocol = ipv4.protocol(frame, ip);
    packet.hopLimit = ipv4.ttl(frame, ip);
    packet.transport = ip + header;
    packet.payloadBytes = bytes - header;
    client[0] = 0;
    client[1] = 0;
    client[2] = IPV4_MAPPED;
    client[3] = ipv4.source(frame, ip);
    packet.isFragment = ipv4.isFragment(frame, ip);
    if (packet.isFragment) {
      if (!ipv4.isPossibleFragment(frame, ip, packet.payloadBytes)) return Verdict.DroppedMalformed;
      packet.fragmentOffset = ipv4.fragmentOffset(frame, ip);
      packet.fragmentBytes = packet.payloadBytes;
      packet.fragmentNumber = ipv4.packetNumber(frame, ip);
      packet.vipIdentity = table.vipIdentities[vip]!;
    }
    return this.#locateTransport(ipv4.Protocol.ICMP);
  }

  #locateIpv6(table: ForwardingTable, isForUs: boolean): Holds | Verdict {
    const frame = this.#ring.view;
    const packet = this.#packet;
    const { ip, client } = packet;
    if (packet.bytes < ipv6.HEADER_BYTES || ipv6.version(frame, ip) !== 6) return Verdict.DroppedMalformed;
    const bytes = ipv6.HEADER_BYTES + ipv6.payloadLength(frame, ip);
    if (bytes > packet.bytes) return Verdict.DroppedMalformed;
    packet.isIpv6 = true;
    packet.bytes = bytes;
    packet.transport = ip + ipv6.HEADER_BYTES;
    packet.payloadBytes = bytes - ipv6.HEADER_BYTES;
    // Solicitations for a VIP go to a group, advertisements to an address that is no VIP.
    if (this.#isNeighborMessage()) return Holds.NeighborMessage;
    const vip = table.vipIndex(
      ipv6.destinationWord(frame, ip, 0),
      ipv6.destinationWord(frame, ip, 1),
      ipv6.destinationWord(frame, ip, 2),
      ipv6.destinationWord(frame, ip, 3),
    );
    const outcome = this.#vipOutcome(table, vip, isForUs);
    if (outcome !== Holds.Transport) return outcome;
    if (!ipv6.isHostSource(frame, ip) || ipv6.isLinkLocalSource(frame, ip)) return Verdict.DroppedMalformed;
    const end = ip + bytes;
    const chain = this.#chain;
    if (!chain.walk(frame, ip, end)) return Verdict.DroppedMalformed;
    packet.protocol = chain.protocol;
    packet.hopLimit = ipv6.hopLimit(frame, ip);
    packet.transport = chain.transport;
    packet.payloadBytes = end - chain.transport;
    for (let word = 0; word < 4; word++) client[word] = ipv6.sourceWord(frame, ip, word);
    packet.isFragment = chain.fragment !== ipv6.NO_FRAGMENT;
    if (packet.isFragment) {
      if (!ipv6.isPossibleFragment(frame, chain.fragment, end)) return Verdict.DroppedMalformed;
      packet.fragmentOffset = ipv6.fragmentOffset(frame, chain.fragment);
      packet.fragmentBytes = end - chain.fragment - ipv6.FRAGMENT_HEADER_BYTES;
      packet.fragmentNumber = ipv6.identification(frame, chain.fragment);
      packet.vipIdentity = table.vipIdentities[vip]!;
    }
    return this.#locateTransport(ipv6.NextHeader.ICMPV6);
  }

  /** Whether the packet at hand is for the VIP it was found to be for: {@linkcode Holds.Transport}, else a verdict. */
  #vipOutcome(table: ForwardingTable, vip: number, isForUs: boolean): typeof Holds.Transport | Verdict {
    if (vip === NONE) return Verdict.IgnoredNotVip;
    if (table.vipVlans[vip] !== this.#packet.vlan) return Verdict.IgnoredOtherVlan;
    if (!isForUs) return Verdict.IgnoredGroupDestination;
    this.#packet.vip = vip;
    return Holds.Transport;
  }

  #isNeighborMessage(): boolean {
    const frame = this.#ring.view;
    const { ip, transport, payloadBytes } = this.#packet;
    if (ipv6.nextHeader(frame, ip) !== ipv6.NextHeader.ICMPV6 || payloadBytes === 0) return false;
    const type = icmpv6.type(frame, transport);
    return type === icmpv6.Type.NEIGHBOR_SOLICITATION || type === icmpv6.Type.NEIGHBOR_ADVERTISEMENT;
  }

  /** What is behind the IP headers, which are known. */
  #locateTransport(icmpProtocol: number): Holds | Verdict {
    const packet = this.#packet;
    const { protocol, isFragment } = packet;
    if (protocol === icmpProtocol) return isFragment ? Verdict.DroppedFragment : this.#locateIcmp();
    if (isFragment && packet.fragmentOffset > 0) return this.#locateLaterFragment();
    const frame = this.#ring.view;
    const { transport, payloadBytes } = packet;
    if (protocol === ipv4.Protocol.TCP) {
      if (payloadBytes < tcp.HEADER_BYTES) return Verdict.DroppedMalformed;
      const header = tcp.headerBytes(frame, transport);
      if (header < tcp.HEADER_BYTES || header > payloadBytes) return Verdict.DroppedMalformed;
      packet.ports = tcp.ports(frame, transport);
      packet.flags = tcp.flags(frame, transport);
      return Holds.Transport;
    }
    if (protocol !== ipv4.Protocol.UDP) return Verdict.DroppedNoService;
    if (payloadBytes < udp.HEADER_BYTES) return Verdict.DroppedMalformed;
    // Less than the packet holds is allowed: the receiver ignores the rest. A first fragment holds less than all.
    const datagram = udp.length(frame, transport);
    if (datagram < udp.HEADER_BYTES || (datagram > payloadBytes && !isFragment)) {
      return Verdict.DroppedMalformed;
    }
    packet.ports = udp.ports(frame, transport);
    packet.flags = 0;
    return Holds.Transport;
  }

  /** Over IPv6, the first fragment alone says what a packet is (RFC 8200 §4.5). */
  #locateLaterFragment(): Holds | Verdict {
    const { protocol, isIpv6 } = this.#packet;
    const isServed = isIpv6 || protocol === ipv4.Protocol.TCP || protocol === ipv4.Protocol.UDP;
    return isServed ? Holds.LaterFragment : Verdict.DroppedNoService;
  }

  #locateIcmp(): Holds | Verdict {
    const { isIpv6, bytes, payloadBytes, transport } = this.#packet;
    if (payloadBytes < icmpv4.HEADER_BYTES) return Verdict.DroppedMalformed;
    // Errors have 576 bytes at the most, or 1,280 (RFC 1812 §4.3.2.3, RFC 4443 §2.4), and no host answers a ping of
    // this size in one piece.
    if (bytes > this.#local.mtu) return Verdict.DroppedOversized;
    const frame = this.#ring.view;
    const type = isIpv6 ? icmpv6.type(frame, transport) : icmpv4.type(frame, transport);
    if (type === (isIpv6 ? icmpv6.Type.ECHO_REQUEST : icmpv4.Type.ECHO_REQUEST)) return Holds.Echo;
    const isError = isIpv6 ? icmpv6.isAboutPacket(type) : icmpv4.isAboutPacket(type);
    return isError ? Holds.IcmpError : Verdict.IgnoredIcmp;
  }

  #locateQuotedIpv4(): typeof Holds.Transport | Verdict {
    const frame = this.#ring.view;
    const packet = this.#packet;
    const quoted = packet.transport + icmpv4.HEADER_BYTES;
    const bytes = packet.payloadBytes - icmpv4.HEADER_BYTES;
    if (bytes < ipv4.HEADER_BYTES || ipv4.version(frame, quoted) !== 4) return Verdict.DroppedMalformed;
    const header = ipv4.headerBytes(frame, quoted);
    if (header < ipv4.HEADER_BYTES || bytes < header + icmpv4.QUOTED_PAYLOAD_BYTES) {
      return Verdict.DroppedMalformed;
    }
    // Only the first fragment of a packet has ports.
    const hasPorts = ipv4.fragmentOffset(frame, quoted) === 0;
    const isOfVip = ipv4.source(frame, quoted) === ipv4.destination(frame, packet.ip);
    if (!hasPorts || !isOfVip) return Verdict.DroppedUnrelatedIcmp;
    packet.client[3] = ipv4.destination(frame, quoted);
    return this.#takeQuotedPorts(ipv4.protocol(frame, quoted), quoted + header);
  }

  #locateQuotedIpv6(): typeof Holds.Transport | Verdict {
    const frame = this.#ring.view;
    const packet = this.#packet;
    const { ip, client } = packet;
    const quoted = packet.transport + icmpv6.HEADER_BYTES;
    const end = packet.transport + packet.payloadBytes;
    if (end - quoted < ipv6.HEADER_BYTES || ipv6.version(frame, quoted) !== 6) {
      return Verdict.DroppedMalformed;
    }
    const chain = this.#chain;
    if (!chain.walk(frame, quoted, end)) return Verdict.DroppedMalformed;
    const hasPorts = chain.fragment === ipv6.NO_FRAGMENT ||
      ipv6.fragmentOffset(frame, chain.fragment) === 0;
    if (!hasPorts) return Verdict.DroppedUnrelatedIcmp;
    if (end < chain.transport + icmpv4.QUOTED_PAYLOAD_BYTES) return Verdict.DroppedMalformed;
    for (let word = 0; word < 4; word++) {
      if (ipv6.sourceWord(frame, quoted, word) !== ipv6.destinationWord(frame, ip, word)) {
        return Verdict.DroppedUnrelatedIcmp;
      }
      client[word] = ipv6.destinationWord(frame, quoted, word);
    }
    return this.#takeQuotedPorts(chain.protocol, chain.transport);
  }

  #takeQuotedPorts(protocol: number, transport: number): typeof Holds.Transport | Verdict {
    if (protocol !== ipv4.Protocol.TCP && protocol !== ipv4.Protocol.UDP) return Verdict.DroppedUnrelatedIcmp;
    const reversed = tcp.ports(this.#ring.view, transport);
    this.#packet.protocol = protocol;
    this.#packet.ports = (reversed << 16) | (reversed >>> 16);
    return Holds.Transport;
  }
}
