/**
 * The whole life of one frame: locate, match, recall, schedule, rewrite.
 *
 * Nothing here allocates, throws or reads a clock. Only the layer 2 header and the TTL of a forwarded frame change;
 * all other frames are answered in their own slot or left alone. The engine counts the verdict.
 *
 * @module
 */

import { IPV4_MAPPED } from "../model/ip_address.ts";
import { isReusable, nextTcpState, opensConnection, State } from "./connection_state.ts";
import { type ConnectionTable, keyWord, NONE } from "./connection_table.ts";
import { Condition, type Destinations } from "./destinations.ts";
import type { ForwardingTable, Service } from "./forwarding_table.ts";
import { FrameRing } from "./frame_ring.ts";
import type { NeighborTable } from "./neighbor_table.ts";
import { describeUnfinished } from "./offload.ts";
import { replyToArp, replyToEcho, replyWithIcmpError, replyWithReset } from "./replies.ts";
import { type ConnectionScheduler, Outcome } from "./schedule.ts";
import { Verdict } from "./verdict.ts";
import * as arp from "./wire/arp.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as icmp from "./wire/icmpv4.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as tcp from "./wire/tcp.ts";
import * as udp from "./wire/udp.ts";

/** The interface frames come from and leave by. */
export interface LocalInterface {
  readonly macHigh: number;
  readonly macLow: number;
  /** Largest IP packet it takes. */
  readonly mtu: number;
}

/** What a forwarder works with. */
export interface ForwarderParts {
  readonly ring: FrameRing;
  readonly local: LocalInterface;
  readonly connections: ConnectionTable;
  readonly destinations: Destinations;
  readonly neighbors: NeighborTable;
  readonly scheduler: ConnectionScheduler;
}

export class Forwarder {
  readonly #ring: FrameRing;
  readonly #local: LocalInterface;
  readonly #connections: ConnectionTable;
  readonly #destinations: Destinations;
  readonly #neighbors: NeighborTable;
  readonly #scheduler: ConnectionScheduler;
  #table: ForwardingTable;
  /** Answers other than to ARP that may still be given in this tick. */
  #answersLeft = 0;

  /** The client of the frame at hand. */
  readonly #client = new Uint32Array(4);

  constructor(parts: ForwarderParts, table: ForwardingTable) {
    this.#ring = parts.ring;
    // The form that wire/ has 32-bit fields in.
    this.#local = { ...parts.local, macLow: parts.local.macLow | 0 };
    this.#connections = parts.connections;
    this.#destinations = parts.destinations;
    this.#neighbors = parts.neighbors;
    this.#scheduler = parts.scheduler;
    this.#table = table;
    this.#client[2] = IPV4_MAPPED;
  }

  /** Uses another table from the next frame on. */
  adopt(table: ForwardingTable): void {
    this.#table = table;
  }

  /** Allows `answers` more resets, echo replies and ICMP errors until the next call. */
  allowAnswers(answers: number): void {
    this.#answersLeft = answers;
  }

  /** Decides about the frame in `slot` and makes it ready to be sent if it is to be. Hot path. */
  forwardFrame(slot: number, nowMs: number): Verdict {
    // Locate: every length is checked here, once.
    const frame = this.#ring.view;
    const length = this.#ring.lengths[slot]!;
    const at = FrameRing.frameAt(slot);
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
    const type = ethernet.etherType(frame, at);
    if (type !== ethernet.EtherType.IPV4) {
      return type === ethernet.EtherType.ARP ? this.#takeArp(slot, length, nowMs) : Verdict.IgnoredProtocol;
    }
    const ip = at + ethernet.HEADER_BYTES;
    const available = length - ethernet.HEADER_BYTES;
    if (available < ipv4.HEADER_BYTES || ipv4.version(frame, ip) !== 4) return Verdict.DroppedMalformed;
    const ipHeader = ipv4.headerBytes(frame, ip);
    const packet = ipv4.totalLength(frame, ip);
    if (ipHeader < ipv4.HEADER_BYTES || packet < ipHeader || packet > available) {
      return Verdict.DroppedMalformed;
    }
    const vip = this.#table.vipIndex(0, 0, IPV4_MAPPED, ipv4.destination(frame, ip));
    if (vip === NONE) return Verdict.IgnoredNotVip;
    if (!isForUs) return Verdict.IgnoredGroupDestination;
    // Whatever is answered to such a source would reach nobody, or everybody.
    if (!ipv4.isHostSource(frame, ip)) return Verdict.DroppedMalformed;
    if (ipv4.isFragment(frame, ip)) return Verdict.DroppedFragment;

    const protocol = ipv4.protocol(frame, ip);
    const transport = ip + ipHeader;
    const payload = packet - ipHeader;
    if (protocol === ipv4.Protocol.ICMP) return this.#takeIcmp(slot, transport, payload);
    let ports = 0;
    let flags = 0;
    if (protocol === ipv4.Protocol.TCP) {
      if (payload < tcp.HEADER_BYTES) return Verdict.DroppedMalformed;
      const tcpHeader = tcp.headerBytes(frame, transport);
      if (tcpHeader < tcp.HEADER_BYTES || tcpHeader > payload) return Verdict.DroppedMalformed;
      ports = tcp.ports(frame, transport);
      flags = tcp.flags(frame, transport);
    } else if (protocol === ipv4.Protocol.UDP) {
      if (payload < udp.HEADER_BYTES) return Verdict.DroppedMalformed;
      // Less than the packet holds is allowed: the receiver ignores the rest.
      const datagram = udp.length(frame, transport);
      if (datagram < udp.HEADER_BYTES || datagram > payload) return Verdict.DroppedMalformed;
      ports = udp.ports(frame, transport);
    } else {
      return Verdict.DroppedNoService;
    }

    // Match.
    const service = this.#table.serviceAt(vip, protocol, ports & 0xffff);
    if (service === null) return this.#refuse(slot, protocol, flags);
    if (ipv4.ttl(frame, ip) <= 1) return this.#answerTimeExceeded(slot);

    // Recall, or schedule.
    this.#client[3] = ipv4.source(frame, ip);
    let destination = NONE;
    if (service.data.onePacket) {
      destination = this.#scheduler.pickOnce(service, this.#client, ports, nowMs);
      if (destination < 0) return this.#endWithoutServer(slot, service, destination, 0);
    } else {
      const connection = this.#connections.recall(
        this.#client,
        ports,
        keyWord(service.vipIdentity, protocol),
      );
      if (connection === NONE) {
        if (
          protocol === ipv4.Protocol.TCP && !opensConnection(flags) && service.data.unknown !== "schedule"
        ) {
          return service.data.unknown === "reset"
            ? this.#answerReset(slot, flags)
            : Verdict.DroppedNoConnection;
        }
        destination = this.#scheduler.schedule(service, this.#client, ports, flags, nowMs);
      } else {
        destination = this.#continueConnection(service, connection, ports, flags, nowMs);
      }
      if (destination < 0) return this.#endWithoutServer(slot, service, destination, flags);
    }

    // Rewrite.
    if (this.#destinations.condition[destination]! === Condition.Unresolved) return Verdict.DroppedUnresolved;
    if (!describeUnfinished(this.#ring, slot, this.#local.mtu)) return Verdict.DroppedOversized;
    ethernet.setDestination(
      frame,
      at,
      this.#destinations.macHigh[destination]!,
      this.#destinations.macLow[destination]! | 0,
    );
    ethernet.setSource(frame, at, macHigh, macLow);
    ipv4.decrementTtl(frame, ip);
    this.#destinations.packets[destination]! += 1;
    this.#destinations.bytes[destination]! += length;
    return Verdict.Forwarded;
  }

  /** Destination of a known connection, whose state and expiry it brings up to date. Hot path. */
  #continueConnection(
    service: Service,
    connection: number,
    ports: number,
    flags: number,
    nowMs: number,
  ): number {
    const before = this.#connections.state(connection);
    const isNewOnSamePort = isReusable(before) &&
      (flags & (tcp.Flag.SYN | tcp.Flag.ACK | tcp.Flag.RST)) === tcp.Flag.SYN;
    if (isNewOnSamePort) {
      this.#connections.remove(connection, this.#scheduler);
      return this.#scheduler.schedule(service, this.#client, ports, flags, nowMs);
    }
    const destination = this.#connections.destination(connection);
    if (this.#destinations.condition[destination]! <= Condition.Down) {
      return this.#scheduler.replaceLost(service, connection, this.#client, ports, flags, nowMs);
    }
    const after = before >= State.UdpFirst ? State.Udp : nextTcpState(before, flags);
    if (after !== before) this.#destinations.moved(destination, before, after);
    this.#connections.update(connection, after, (nowMs + service.timeoutsMs[after]!) | 0);
    return destination;
  }

  #takeArp(slot: number, length: number, nowMs: number): Verdict {
    const frame = this.#ring.view;
    const packet = FrameRing.frameAt(slot) + ethernet.HEADER_BYTES;
    if (!arp.isIpv4OverEthernet(frame, packet, length - ethernet.HEADER_BYTES)) return Verdict.IgnoredArp;
    const isOfRealServer = this.#neighbors.heard(
      arp.senderAddress(frame, packet),
      arp.senderMacHigh(frame, packet),
      arp.senderMacLow(frame, packet),
      nowMs,
    );
    const isForVip = this.#table.vipIndex(0, 0, IPV4_MAPPED, arp.targetAddress(frame, packet)) !== NONE;
    if (isForVip && arp.operation(frame, packet) === arp.Operation.REQUEST) {
      replyToArp(this.#ring, slot, this.#local.macHigh, this.#local.macLow);
      return Verdict.AnsweredArp;
    }
    return isOfRealServer ? Verdict.LearntNeighbor : Verdict.IgnoredArp;
  }

  #takeIcmp(slot: number, message: number, bytes: number): Verdict {
    if (bytes < icmp.HEADER_BYTES) return Verdict.DroppedMalformed;
    if (icmp.type(this.#ring.view, message) !== icmp.Type.ECHO_REQUEST) return Verdict.IgnoredIcmp;
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    replyToEcho(this.#ring, slot, this.#local.macHigh, this.#local.macLow);
    return Verdict.AnsweredEcho;
  }

  /** Nobody serves the port: what a host without a listener answers. */
  #refuse(slot: number, protocol: number, flags: number): Verdict {
    return protocol === ipv4.Protocol.TCP ? this.#answerReset(slot, flags) : this.#answerUnreachable(slot);
  }

  #endWithoutServer(slot: number, service: Service, outcome: number, flags: number): Verdict {
    if (outcome === Outcome.TableFull) return Verdict.DroppedTableFull;
    if (outcome === Outcome.LostSilently) return Verdict.DroppedServerLost;
    if (outcome === Outcome.LostAndReset) return this.#answerReset(slot, flags);
    // Only a packet that could have been served is told that nobody can; see IPVS's ip_vs_leave().
    const isStray = service.data.protocol === ipv4.Protocol.TCP && !opensConnection(flags);
    return isStray || service.data.isSettling ? Verdict.DroppedNoServer : this.#answerUnreachable(slot);
  }

  #answerReset(slot: number, flags: number): Verdict {
    if ((flags & tcp.Flag.RST) !== 0) return Verdict.DroppedNoConnection;
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    replyWithReset(this.#ring, slot, this.#local.macHigh, this.#local.macLow);
    return Verdict.AnsweredReset;
  }

  #answerUnreachable(slot: number): Verdict {
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    const { macHigh, macLow } = this.#local;
    replyWithIcmpError(this.#ring, slot, macHigh, macLow, icmp.Type.UNREACHABLE, icmp.CODE_PORT_UNREACHABLE);
    return Verdict.AnsweredUnreachable;
  }

  #answerTimeExceeded(slot: number): Verdict {
    if (!this.#mayAnswer()) return Verdict.DroppedRateLimited;
    const { macHigh, macLow } = this.#local;
    replyWithIcmpError(this.#ring, slot, macHigh, macLow, icmp.Type.TIME_EXCEEDED, icmp.CODE_IN_TRANSIT);
    return Verdict.AnsweredTimeExceeded;
  }

  #mayAnswer(): boolean {
    if (this.#answersLeft === 0) return false;
    this.#answersLeft -= 1;
    return true;
  }
}
