/**
 * The whole life of one frame: locate, match, recall, schedule, rewrite.
 *
 * Nothing here allocates, throws or reads a clock. Only the layer 2 header and the TTL of a forwarded frame change;
 * all other frames are answered in their own slot or left alone. The engine counts the verdict.
 *
 * @module
 */

import { AddressResolution } from "./address_resolution.ts";
import { Answers } from "./answers.ts";
import { isReusable, nextTcpState, opensConnection, State } from "./connection_state.ts";
import { type ConnectionTable, keyWord, NONE } from "./connection_table.ts";
import { Condition, type Destinations } from "./destinations.ts";
import type { ForwardingTable, Service } from "./forwarding_table.ts";
import type { FragmentTable } from "./fragment_table.ts";
import type { FrameRing } from "./frame_ring.ts";
import { HeldFragments } from "./held_fragments.ts";
import type { LocalInterface } from "./local_interface.ts";
import { Holds, Locator } from "./locate.ts";
import { LookAhead } from "./look_ahead.ts";
import type { NeighborTable } from "./neighbor_table.ts";
import { Packet } from "./packet.ts";
import { Rewriter } from "./rewriter.ts";
import { type ConnectionScheduler, Outcome } from "./schedule.ts";
import type { SendQueue } from "./send_queue.ts";
import { HELD, Verdict } from "./verdict.ts";
import * as ipv4 from "./wire/ipv4.ts";
import * as tcp from "./wire/tcp.ts";

/** What a forwarder works with. */
export interface ForwarderParts {
  readonly ring: FrameRing;
  /** The interface of the VIPs. */
  readonly local: LocalInterface;
  /** Further interfaces that real servers are reached by, from number 1 on. */
  readonly uplinks: readonly LocalInterface[];
  readonly connections: ConnectionTable;
  readonly destinations: Destinations;
  readonly neighbors: NeighborTable;
  readonly scheduler: ConnectionScheduler;
  readonly fragments: FragmentTable;
  /** Takes the frames that leave besides those in the slots they came in. */
  readonly queue: SendQueue;
}

export class Forwarder {
  readonly #packet = new Packet();
  readonly #locator: Locator;
  readonly #resolution: AddressResolution;
  readonly #connections: ConnectionTable;
  readonly #destinations: Destinations;
  readonly #scheduler: ConnectionScheduler;
  readonly #rewriter: Rewriter;
  readonly #fragments: FragmentTable;
  readonly #held: HeldFragments;
  readonly #lookAhead: LookAhead;
  readonly #answers: Answers;
  #table: ForwardingTable;

  constructor(parts: ForwarderParts, table: ForwardingTable) {
    const { ring } = parts;
    const local = withSignedMac(parts.local);
    const interfaces = [local, ...parts.uplinks.map(withSignedMac)];
    this.#locator = new Locator(ring, local, this.#packet);
    this.#resolution = new AddressResolution(ring, local, parts.neighbors);
    this.#connections = parts.connections;
    this.#destinations = parts.destinations;
    this.#scheduler = parts.scheduler;
    this.#fragments = parts.fragments;
    this.#held = new HeldFragments(ring, parts.queue);
    this.#lookAhead = new LookAhead(ring, this.#connections);
    this.#answers = new Answers(ring, local);
    this.#rewriter = new Rewriter({ ...parts, interfaces, answers: this.#answers });
    this.#table = table;
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
    // Locate: every length is checked there, once.
    const located = this.#locator.locate(this.#table, slot);
    if (located !== Holds.Transport) return this.#takeOther(located, nowMs);
    const packet = this.#packet;
    const { protocol, ports, flags } = packet;

    // Match.
    const service = this.#table.serviceAt(packet.vip, protocol, ports & 0xffff);
    if (service === null) return this.#refuse();
    if (packet.hopLimit <= 1) return this.#answers.timeExceeded(packet);

    // Recall, or schedule.
    let destination = NONE;
    if (service.data.onePacket) {
      destination = this.#scheduler.pickOnce(service, packet.client, ports, nowMs);
    } else {
      const connection = this.#connections.recall(
        packet.client,
        ports,
        keyWord(service.vipIdentity, protocol),
      );
      if (connection !== NONE) {
        destination = this.#continueConnection(service, connection, nowMs);
      } else if (
        protocol === ipv4.Protocol.TCP && !opensConnection(flags) && service.data.unknown !== "schedule"
      ) {
        return service.data.unknown === "reset" ? this.#answers.reset(packet) : Verdict.DroppedNoConnection;
      } else {
        destination = this.#scheduler.schedule(service, packet.client, ports, flags, nowMs);
      }
    }
    if (destination < 0) return this.#endWithoutServer(service, destination);

    // Rewrite.
    if (!packet.isFragment) return this.#rewriter.takePacket(packet, destination);
    this.#fragments.remember(packet, destination, nowMs);
    this.#held.free(packet);
    return this.#rewriter.takeFragment(packet, destination);
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

  /** All that does not open, continue or end a connection, and frames that have ended already. */
  #takeOther(
    located: Exclude<Holds, typeof Holds.Transport> | Verdict,
    nowMs: number,
  ): Verdict | typeof HELD {
    switch (located) {
      case Holds.LaterFragment:
        return this.#takeLaterFragment(nowMs);
      case Holds.Echo:
        return this.#answers.echo(this.#packet);
      case Holds.IcmpError:
        return this.#takeIcmpError(nowMs);
      case Holds.Arp:
        return this.#resolution.takeArp(this.#table, this.#packet, nowMs);
      case Holds.NeighborMessage:
        return this.#resolution.takeNeighborMessage(this.#table, this.#packet, nowMs);
      default:
        return located;
    }
  }

  /** A fragment without ports: it goes where the first one of its packet went. */
  #takeLaterFragment(nowMs: number): Verdict | typeof HELD {
    const packet = this.#packet;
    // No error is sent about it (RFC 1122 §3.2.2).
    if (packet.hopLimit <= 1) return Verdict.DroppedExpired;
    const place = this.#fragments.recall(packet, nowMs);
    if (place === NONE) return this.#held.hold(packet, nowMs) ? HELD : Verdict.DroppedFragment;
    // Overlapping the first one could replace the ports it was chosen by (RFC 1858 §4, RFC 5722).
    if (packet.fragmentOffset < this.#fragments.firstBytes(place)) return Verdict.DroppedMalformed;
    return this.#rewriter.takeFragment(packet, this.#fragments.destination(place));
  }

  /** Destination of a known connection, whose state and expiry it brings up to date. Hot path. */
  #continueConnection(service: Service, connection: number, nowMs: number): number {
    const { client, ports, flags } = this.#packet;
    const before = this.#connections.state(connection);
    const isNewOnSamePort = isReusable(before) &&
      (flags & (tcp.Flag.SYN | tcp.Flag.ACK | tcp.Flag.RST)) === tcp.Flag.SYN;
    if (isNewOnSamePort) {
      this.#connections.remove(connection, this.#scheduler);
      return this.#scheduler.schedule(service, client, ports, flags, nowMs);
    }
    const destination = this.#connections.destination(connection);
    if (this.#destinations.condition[destination]! <= Condition.Down) {
      return this.#scheduler.replaceLost(service, connection, client, ports, flags, nowMs);
    }
    const after = before >= State.UdpFirst ? State.Udp : nextTcpState(before, flags);
    if (after !== before) this.#destinations.moved(destination, before, after);
    this.#connections.update(connection, after, (nowMs + service.timeoutsMs[after]!) | 0);
    return destination;
  }

  /**
   * An error about a packet that a real server has sent from the VIP: only that server can heed it, and path MTU
   * discovery (RFC 1191, RFC 8201) fails if it does not. What the director knows of the connection stays as it is.
   */
  #takeIcmpError(nowMs: number): Verdict {
    // Locate: the connection of the packet it quotes.
    const located = this.#locator.locateQuoted();
    if (located !== Holds.Transport) return located;
    const packet = this.#packet;
    const { protocol, ports, client } = packet;

    // Match.
    const service = this.#table.serviceAt(packet.vip, protocol, ports & 0xffff);
    if (service === null) return Verdict.DroppedUnrelatedIcmp;
    if (packet.hopLimit <= 1) return Verdict.DroppedExpired;

    // Recall, or choose again as before.
    const connection = this.#connections.recall(client, ports, keyWord(service.vipIdentity, protocol));
    const destination = connection === NONE
      ? this.#scheduler.pickAgain(service, client, ports, nowMs)
      : this.#connections.destination(connection);
    if (destination < 0) return Verdict.DroppedUnrelatedIcmp;

    // Rewrite.
    return this.#rewriter.takeError(packet, destination);
  }

  /** Nobody serves the port: what a host without a listener answers. */
  #refuse(): Verdict {
    const packet = this.#packet;
    const isTcp = packet.protocol === ipv4.Protocol.TCP;
    if (isTcp && (packet.flags & tcp.Flag.RST) !== 0) return Verdict.DroppedNoService;
    const answered = isTcp ? this.#answers.reset(packet) : this.#answers.unreachable(packet);
    return answered === Verdict.DroppedRateLimited ? answered : Verdict.AnsweredNoService;
  }

  #endWithoutServer(service: Service, outcome: number): Verdict {
    const packet = this.#packet;
    if (outcome === Outcome.TableFull) return Verdict.DroppedTableFull;
    if (outcome === Outcome.Denied) return Verdict.DroppedDenied;
    if (outcome === Outcome.OverSourceLimit) return Verdict.DroppedSourceLimit;
    if (outcome === Outcome.LostSilently) return Verdict.DroppedServerLost;
    if (outcome === Outcome.LostAndReset) return this.#answers.reset(packet);
    // Only a packet that could have been served is told that nobody can; see IPVS's ip_vs_leave().
    const isStray = service.data.protocol === ipv4.Protocol.TCP && !opensConnection(packet.flags);
    return isStray || service.isSettling ? Verdict.DroppedNoServer : this.#answers.unreachable(packet);
  }
}

/** The form that wire/ has 32-bit fields in. */
function withSignedMac(local: LocalInterface): LocalInterface {
  return { ...local, macLow: local.macLow | 0 };
}
