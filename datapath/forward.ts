/**
 * The whole life of one frame: locate, match, recall, schedule, rewrite.
 *
 * Nothing here allocates, throws or reads a clock. Only the layer 2 header and the TTL of a forwarded frame change;
 * all other frames are answered in their own slot or left alone. The engine counts the verdict.
 *
 * @module
 */

import { IPV4_MAPPED } from "../model/ip_address.ts";
import { Answers } from "./answers.ts";
import { isReusable, nextTcpState, opensConnection, State } from "./connection_state.ts";
import { type ConnectionTable, keyWord, NONE } from "./connection_table.ts";
import { Condition, type Destinations } from "./destinations.ts";
import type { ForwardingTable, Service } from "./forwarding_table.ts";
import type { FragmentTable } from "./fragment_table.ts";
import { FrameRing } from "./frame_ring.ts";
import { HeldFragments } from "./held_fragments.ts";
import type { LocalInterface } from "./local_interface.ts";
import { LookAhead } from "./look_ahead.ts";
import type { NeighborTable } from "./neighbor_table.ts";
import { replyToArp } from "./replies.ts";
import { Rewriter } from "./rewriter.ts";
import { type ConnectionScheduler, Outcome } from "./schedule.ts";
import type { SendQueue } from "./send_queue.ts";
import { HELD, Verdict } from "./verdict.ts";
import * as arp from "./wire/arp.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as icmp from "./wire/icmpv4.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as tcp from "./wire/tcp.ts";
import * as udp from "./wire/udp.ts";

/** What a forwarder works with. */
export interface ForwarderParts {
  readonly ring: FrameRing;
  readonly local: LocalInterface;
  readonly connections: ConnectionTable;
  readonly destinations: Destinations;
  readonly neighbors: NeighborTable;
  readonly scheduler: ConnectionScheduler;
  readonly fragments: FragmentTable;
  /** Takes the frames that leave besides those in the slots they came in. */
  readonly queue: SendQueue;
}

export class Forwarder {
  readonly #ring: FrameRing;
  readonly #local: LocalInterface;
  readonly #connections: ConnectionTable;
  readonly #destinations: Destinations;
  readonly #neighbors: NeighborTable;
  readonly #scheduler: ConnectionScheduler;
  readonly #rewriter: Rewriter;
  readonly #fragments: FragmentTable;
  readonly #held: HeldFragments;
  readonly #lookAhead: LookAhead;
  readonly #answers: Answers;
  #table: ForwardingTable;

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
    this.#fragments = parts.fragments;
    this.#held = new HeldFragments(this.#ring, parts.queue);
    this.#lookAhead = new LookAhead(this.#ring, this.#connections);
    this.#answers = new Answers(this.#ring, this.#local);
    this.#rewriter = new Rewriter({ ...parts, local: this.#local, answers: this.#answers });
    this.#table = table;
    this.#client[2] = IPV4_MAPPED;
  }

  /** Uses another table from the next frame on. */
  adopt(table: ForwardingTable): void {
    this.#table = table;
  }

  /** Prepares for the first `count` frames of the ring. Hot path. */
  lookAhead(count: number): void {
    this.#lookAhead.look(this.#table, count);
  }

  /** Allows `answers` more resets, echo replies and ICMP errors until the next call. */
  allowAnswers(answers: number): void {
    this.#answers.allow(answers);
  }

  /**
   * Decides about the frame in `slot` and makes it ready to be sent if it is to be. Hot path.
   *
   * @returns What became of it, or {@linkcode HELD} if that is not known yet.
   */
  forwardFrame(slot: number, nowMs: number): Verdict | typeof HELD {
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
    const protocol = ipv4.protocol(frame, ip);
    const transport = ip + ipHeader;
    const payload = packet - ipHeader;
    const isFragment = ipv4.isFragment(frame, ip);
    if (isFragment) {
      if (!ipv4.isPossibleFragment(frame, ip, payload)) return Verdict.DroppedMalformed;
      if (protocol === ipv4.Protocol.ICMP) return Verdict.DroppedFragment;
      if (ipv4.fragmentOffset(frame, ip) > 0) return this.#takeLaterFragment(slot, protocol, nowMs);
    }
    if (protocol === ipv4.Protocol.ICMP) {
      return this.#takeIcmp(slot, vip, transport, payload, nowMs);
    }
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
      // Less than the packet holds is allowed: the receiver ignores the rest. A first fragment holds less than all.
      const datagram = udp.length(frame, transport);
      if (datagram < udp.HEADER_BYTES || (datagram > payload && !isFragment)) return Verdict.DroppedMalformed;
      ports = udp.ports(frame, transport);
    } else {
      return Verdict.DroppedNoService;
    }

    // Match.
    const service = this.#table.serviceAt(vip, protocol, ports & 0xffff);
    if (service === null) return this.#refuse(slot, protocol, flags);
    if (ipv4.ttl(frame, ip) <= 1) return this.#answers.timeExceeded(slot);

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
            ? this.#answers.reset(slot, flags)
            : Verdict.DroppedNoConnection;
        }
        destination = this.#scheduler.schedule(service, this.#client, ports, flags, nowMs);
      } else {
        destination = this.#continueConnection(service, connection, ports, flags, nowMs);
      }
      if (destination < 0) return this.#endWithoutServer(slot, service, destination, flags);
    }

    // Rewrite.
    if (!isFragment) return this.#rewriter.takePacket(slot, destination);
    this.#fragments.remember(frame, ip, destination, payload, nowMs);
    this.#held.free(ip);
    return this.#rewriter.takeFragment(slot, destination);
  }

  /**
   * Slot with a fragment that waited for the one just forwarded, or {@linkcode NONE}. It is to be forwarded now, as
   * if it had just been received. Hot path.
   */
  nextHeld(): number {
    return this.#held.next();
  }

  /**
   * Gives up on fragments that have waited for too long.
   *
   * @returns How many, each of which ends as {@linkcode Verdict.DroppedFragment}.
   */
  expireHeld(nowMs: number): number {
    return this.#held.expire(nowMs);
  }

  /** A fragment without ports: it goes where the first one of its packet went. */
  #takeLaterFragment(slot: number, protocol: number, nowMs: number): Verdict | typeof HELD {
    if (protocol !== ipv4.Protocol.TCP && protocol !== ipv4.Protocol.UDP) return Verdict.DroppedNoService;
    const frame = this.#ring.view;
    const ip = FrameRing.frameAt(slot) + ethernet.HEADER_BYTES;
    // No error is sent about it (RFC 1122 §3.2.2).
    if (ipv4.ttl(frame, ip) <= 1) return Verdict.DroppedExpired;
    const place = this.#fragments.recall(frame, ip, nowMs);
    if (place === NONE) return this.#held.hold(slot, nowMs) ? HELD : Verdict.DroppedFragment;
    // Overlapping the first one could replace the ports it was chosen by (RFC 1858 §4).
    if (ipv4.fragmentOffset(frame, ip) < this.#fragments.firstBytes(place)) return Verdict.DroppedMalformed;
    return this.#rewriter.takeFragment(slot, this.#fragments.destination(place));
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

  #takeIcmp(slot: number, vip: number, message: number, bytes: number, nowMs: number): Verdict {
    if (bytes < icmp.HEADER_BYTES) return Verdict.DroppedMalformed;
    // Errors have 576 bytes at the most (RFC 1812 §4.3.2.3), and no host answers a ping of this size in one piece.
    const ip = FrameRing.frameAt(slot) + ethernet.HEADER_BYTES;
    if (ipv4.totalLength(this.#ring.view, ip) > this.#local.mtu) return Verdict.DroppedOversized;
    const type = icmp.type(this.#ring.view, message);
    if (type === icmp.Type.ECHO_REQUEST) return this.#answers.echo(slot);
    if (!icmp.isAboutPacket(type)) return Verdict.IgnoredIcmp;
    return this.#takeIcmpError(
      slot,
      vip,
      message + icmp.HEADER_BYTES,
      bytes - icmp.HEADER_BYTES,
      nowMs,
    );
  }

  /**
   * An error about a packet that a real server has sent from the VIP: only that server can heed it, and path MTU
   * discovery (RFC 1191) fails if it does not. What the director knows of the connection stays as it is.
   *
   * @param quoted Where the head of that packet begins.
   */
  #takeIcmpError(slot: number, vip: number, quoted: number, bytes: number, nowMs: number): Verdict {
    const frame = this.#ring.view;
    const at = FrameRing.frameAt(slot);
    const ip = at + ethernet.HEADER_BYTES;
    if (bytes < ipv4.HEADER_BYTES || ipv4.version(frame, quoted) !== 4) return Verdict.DroppedMalformed;
    const ipHeader = ipv4.headerBytes(frame, quoted);
    if (ipHeader < ipv4.HEADER_BYTES || bytes < ipHeader + icmp.QUOTED_PAYLOAD_BYTES) {
      return Verdict.DroppedMalformed;
    }
    const protocol = ipv4.protocol(frame, quoted);
    const isServed = protocol === ipv4.Protocol.TCP || protocol === ipv4.Protocol.UDP;
    // Only the first fragment of a packet has ports.
    const hasPorts = ipv4.fragmentOffset(frame, quoted) === 0;
    const isOfVip = ipv4.source(frame, quoted) === ipv4.destination(frame, ip);
    if (!isServed || !hasPorts || !isOfVip) return Verdict.DroppedUnrelatedIcmp;

    // Match: the quoted packet is for the client.
    const reversed = tcp.ports(frame, quoted + ipHeader);
    const ports = (reversed << 16) | (reversed >>> 16);
    const service = this.#table.serviceAt(vip, protocol, ports & 0xffff);
    if (service === null) return Verdict.DroppedUnrelatedIcmp;
    if (ipv4.ttl(frame, ip) <= 1) return Verdict.DroppedExpired;

    // Recall, or choose again as before.
    this.#client[3] = ipv4.destination(frame, quoted);
    const connection = this.#connections.recall(this.#client, ports, keyWord(service.vipIdentity, protocol));
    const destination = connection === NONE
      ? this.#scheduler.pickAgain(service, this.#client, ports, nowMs)
      : this.#connections.destination(connection);
    if (destination < 0) return Verdict.DroppedUnrelatedIcmp;

    // Rewrite.
    return this.#rewriter.takeError(slot, destination);
  }

  /** Nobody serves the port: what a host without a listener answers. */
  #refuse(slot: number, protocol: number, flags: number): Verdict {
    return protocol === ipv4.Protocol.TCP
      ? this.#answers.reset(slot, flags)
      : this.#answers.unreachable(slot);
  }

  #endWithoutServer(slot: number, service: Service, outcome: number, flags: number): Verdict {
    if (outcome === Outcome.TableFull) return Verdict.DroppedTableFull;
    if (outcome === Outcome.LostSilently) return Verdict.DroppedServerLost;
    if (outcome === Outcome.LostAndReset) return this.#answers.reset(slot, flags);
    // Only a packet that could have been served is told that nobody can; see IPVS's ip_vs_leave().
    const isStray = service.data.protocol === ipv4.Protocol.TCP && !opensConnection(flags);
    return isStray || service.data.isSettling ? Verdict.DroppedNoServer : this.#answers.unreachable(slot);
  }
}
