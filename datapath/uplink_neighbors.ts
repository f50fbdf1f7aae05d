/**
 * What an uplink says about the real servers that are reached by it. They are asked, and their answers are heard, with
 * every tick: no frame waits for it. Nobody is answered there, as the VIPs are on another interface.
 *
 * @module
 */

import type { Libc } from "./ffi/libc.ts";
import { Capture, CaptureError, openLibpcap } from "./ffi/libpcap.ts";
import { NEIGHBOR_MESSAGES } from "./ingress_filter.ts";
import type { LocalInterface } from "./local_interface.ts";
import { hearAdvertisement, hearArp, hearSolicitation } from "./neighbor_messages.ts";
import type { NeighborTable } from "./neighbor_table.ts";
import type { ResolutionSender } from "./resolution_sender.ts";
import { Verdict } from "./verdict.ts";
import * as arp from "./wire/arp.ts";
import * as ethernet from "./wire/ethernet.ts";
import * as icmp from "./wire/icmpv6.ts";
import * as ipv6 from "./wire/ipv6.ts";
import * as ndp from "./wire/ndp.ts";

/** Longer than any message of interest: the longest has 86 bytes, options that nobody sends aside. */
const SNAPSHOT_BYTES = 512;
/** More than a thousand messages. */
const BUFFER_BYTES = 1 << 20;
/** Messages heard in one tick: ten thousand a second, for a millisecond of work. */
const MESSAGES_PER_TICK = 1_000;

/** What the neighbours of an uplink are found out with. */
export interface UplinkNeighborsParts {
  readonly libc: Libc;
  readonly device: string;
  readonly local: LocalInterface;
  readonly table: NeighborTable;
  /** Sends to the uplink. */
  readonly sender: ResolutionSender;
}

export class UplinkNeighbors {
  readonly #table: NeighborTable;
  readonly #sender: ResolutionSender;
  readonly #macHigh: number;
  readonly #macLow: number;
  readonly #capture: Capture;
  readonly #bytes = new Uint8Array(SNAPSHOT_BYTES);
  readonly #frame = new DataView(this.#bytes.buffer);
  #hasGone = false;

  /** @throws {CaptureError} If the interface cannot be captured from. */
  constructor({ libc, device, local, table, sender }: UplinkNeighborsParts) {
    this.#table = table;
    this.#sender = sender;
    this.#macHigh = local.macHigh;
    this.#macLow = local.macLow | 0;
    this.#capture = new Capture(openLibpcap(), libc, {
      device,
      snapshotBytes: SNAPSHOT_BYTES,
      bufferBytes: BUFFER_BYTES,
    });
    this.#capture.setFilter(`arp or (${NEIGHBOR_MESSAGES})`);
  }

  /** Messages the kernel had to drop because there were too many. */
  get captureDrops(): number {
    return this.#capture.dropped;
  }

  /**
   * Hears what has been said, and asks what is to be asked. Nobody is heard any more on an interface that has gone; what
   * becomes of that is the control plane's to say.
   *
   * @param verdicts Counts what became of each message.
   */
  tick(nowMs: number, mostRequests: number, verdicts: Float64Array): void {
    for (let heard = 0; heard < MESSAGES_PER_TICK && this.#advance(); heard++) {
      verdicts[this.#hear(this.#capture.copy(this.#bytes), nowMs)]! += 1;
    }
    this.#sender.tick(nowMs, this.#table.due(nowMs, mostRequests));
  }

  close(): void {
    this.#capture.close();
  }

  #advance(): boolean {
    if (this.#hasGone) return false;
    try {
      return this.#capture.advance();
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.#hasGone = true;
      return false;
    }
  }

  #hear(length: number, nowMs: number): Verdict {
    const frame = this.#frame;
    if (length < ethernet.HEADER_BYTES) {
      return length === 0 ? Verdict.DroppedTruncated : Verdict.DroppedMalformed;
    }
    const isForUs = ethernet.destinationLow(frame, 0) === this.#macLow &&
      ethernet.destinationHigh(frame, 0) === this.#macHigh;
    if (!isForUs && !ethernet.isGroupDestination(frame, 0)) return Verdict.IgnoredOtherHost;
    const payload = ethernet.HEADER_BYTES;
    switch (ethernet.etherType(frame, 0)) {
      case ethernet.EtherType.ARP:
        return this.#hearArp(payload, length - payload, nowMs);
      case ethernet.EtherType.IPV6:
        return this.#hearNeighborMessage(payload, length - payload, nowMs);
      case ethernet.EtherType.VLAN:
        return Verdict.IgnoredOtherVlan;
      default:
        return Verdict.IgnoredProtocol;
    }
  }

  #hearArp(message: number, bytes: number, nowMs: number): Verdict {
    const frame = this.#frame;
    if (!arp.isIpv4OverEthernet(frame, message, bytes)) return Verdict.IgnoredArp;
    const isOfRealServer = hearArp(this.#table, frame, 0, message, ethernet.UNTAGGED, nowMs);
    return isOfRealServer ? Verdict.LearntNeighbor : Verdict.IgnoredArp;
  }

  #hearNeighborMessage(ip: number, bytes: number, nowMs: number): Verdict {
    const frame = this.#frame;
    const message = ip + ipv6.HEADER_BYTES;
    if (bytes < ipv6.HEADER_BYTES || ipv6.version(frame, ip) !== 6) return Verdict.DroppedMalformed;
    const payloadBytes = ipv6.payloadLength(frame, ip);
    if (payloadBytes === 0 || ipv6.HEADER_BYTES + payloadBytes > bytes) return Verdict.DroppedMalformed;
    const isSolicitation = icmp.type(frame, message) === icmp.Type.NEIGHBOR_SOLICITATION;
    const isValid = isSolicitation ? ndp.isValidSolicitation : ndp.isValidAdvertisement;
    if (!isValid(frame, ip, message, payloadBytes)) return Verdict.DroppedMalformed;
    const vlan = ethernet.UNTAGGED;
    const isOfRealServer = isSolicitation
      ? hearSolicitation(this.#table, frame, ip, message, payloadBytes, vlan, nowMs)
      : hearAdvertisement(this.#table, frame, message, payloadBytes, vlan, nowMs);
    return isOfRealServer ? Verdict.LearntNeighbor : Verdict.IgnoredNdp;
  }
}
