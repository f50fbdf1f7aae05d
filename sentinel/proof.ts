/**
 * The end-to-end proof of direct routing: a SYN to the VIP at a real server's MAC, as the director would pass it on, from
 * an address that only we answer for. Everything that can be wrong with the way shows in what comes back, and no
 * client is touched: the connection is never completed, the application never sees it.
 *
 * @module
 */

import { Flag } from "../datapath/wire/tcp.ts";
import type { PacketHead } from "./frame_writer.ts";
import type { IcmpMessage, NeighborPacket, Packet, TcpSegment } from "./packet.ts";
import type { Conversation, Wire } from "./wire.ts";

/** A port of a VIP on one real server. */
export interface ProofTarget {
  readonly server: string;
  /** MAC of the real server. */
  readonly mac: string;
  readonly vip: string;
  readonly port: number;
}

/** What came back. */
export type ProofOutcome =
  | { readonly verdict: "ok" }
  /** The VIP answered, but by way of a router with this MAC. */
  | { readonly verdict: "ok_other_mac"; readonly mac: string }
  | { readonly verdict: "not_listening" }
  /** An ICMP error "destination unreachable" with this code. */
  | { readonly verdict: "rejected"; readonly code: number }
  /** The VIP answers ping, but nothing came back from the port. */
  | { readonly verdict: "dropped" }
  | { readonly verdict: "vip_missing" }
  | { readonly verdict: "forwards" }
  | { readonly verdict: "wrong_source"; readonly source: string }
  | { readonly verdict: "leaks" }
  /** The real server does not take packets that come from the probe address. */
  | { readonly verdict: "source_refused" };

/** Time until silence is believed where there is no hurry; a third SYN is what a client would also send. */
const PATIENCE_MS = 4_000;
/** SYNs before silence is believed, and their part of that time. */
const SYNS = 3;
const SYNS_PART = 3 / 4;
/** Questions that tell one silence from another, in the rest of it. */
const DIAGNOSES = 2;
/** SYNs sent in one go, so that no real server gets a burst. */
const SYNS_PER_TICK = 64;
/** Targets without an outcome that are asked about at a time, so that there are numbers enough to tell them apart. */
const MOST_UNDER_WAY = 4_096;

/** Of the first SYN: enough for a real server that owns the VIP; one that forwards is to say that it has expired. */
const TTL_OWNER = 1;
/**
 * Of the others, as Linux says so six times and then once a second (icmp_ratelimit of icmp(7)): enough for a container
 * on the real server, and for nobody behind it. A running director would have to take one hop off as well, and so never
 * schedules what a real server sends back to it.
 */
const TTL_CONTAINER = 2;

/** Ports a SYN may come from: not the well-known ones. */
const FIRST_SOURCE_PORT = 1_024;
const SOURCE_PORTS = 65_536 - FIRST_SOURCE_PORT;

interface Probe {
  readonly target: ProofTarget;
  syns: number;
  diagnoses: number;
  nextAtMs: number;
  hasForwarded: boolean;
  /** A SYN that may have gone on to another host was answered by another MAC; was it asked then whose the VIP is? */
  doubt: "none" | "raised" | "asked";
  /** It answered a question of the probe address for its own. */
  takesSource: boolean;
  answersPing: boolean;
  outcome: ProofOutcome | null;
}

interface Question {
  readonly probe: Probe;
  /** Of the SYN. */
  readonly sequence: number;
  readonly ttl: number;
}

export class Proof implements Conversation {
  readonly #wire: Wire;
  readonly #address: string;
  readonly #synIntervalMs: number;
  readonly #diagnoseIntervalMs: number;
  readonly #probes: readonly Probe[];
  /** By source port of a SYN, or by identifier of a ping: numbers of one space. */
  readonly #asked = new Map<number, Question>();
  /** `MAC VIP` of every leak. */
  readonly #leaks = new Set<string>();

  /**
   * @param address Address to probe from; an `AddressOwner` must have it as long as the conversation lasts.
   * @param patienceMs Time until silence is believed.
   */
  constructor(
    wire: Wire,
    address: string,
    targets: readonly ProofTarget[],
    patienceMs: number = PATIENCE_MS,
  ) {
    this.#wire = wire;
    this.#address = address;
    this.#synIntervalMs = patienceMs * SYNS_PART / SYNS;
    this.#diagnoseIntervalMs = patienceMs * (1 - SYNS_PART) / DIAGNOSES;
    this.#probes = targets.map((target) => ({
      target,
      syns: 0,
      diagnoses: 0,
      nextAtMs: 0,
      hasForwarded: false,
      doubt: "none",
      takesSource: false,
      answersPing: false,
      outcome: null,
    }));
  }

  hear(packet: Packet): void {
    if (packet.kind === "neighbor") this.#hearNeighbor(packet);
    else if (packet.kind === "tcp") this.#hearSegment(packet);
    else if (packet.destination === this.#address) this.#hearIcmp(packet);
  }

  tick(nowMs: number): void {
    let left = SYNS_PER_TICK;
    let underWay = 0;
    for (const probe of this.#probes) {
      if (probe.outcome !== null) continue;
      if (++underWay > MOST_UNDER_WAY) break;
      if (probe.nextAtMs > nowMs) continue;
      if (probe.doubt === "asked") {
        probe.outcome = { verdict: "forwards" };
      } else if (probe.doubt === "raised") {
        if (left-- <= 0) continue;
        this.#sendSyn(probe, nowMs, TTL_OWNER);
        probe.doubt = "asked";
      } else if (probe.syns < SYNS) {
        if (left-- > 0) this.#sendSyn(probe, nowMs, probe.syns === 0 ? TTL_OWNER : TTL_CONTAINER);
      } else if (probe.hasForwarded) {
        probe.outcome = { verdict: "forwards" };
      } else if (probe.diagnoses < DIAGNOSES) {
        this.#diagnose(probe, nowMs);
      } else {
        probe.outcome = outcomeOfSilence(probe);
      }
    }
  }

  get isOver(): boolean {
    return this.#probes.every(({ outcome }) => outcome !== null);
  }

  /** Outcome of each target, in the order given. Only once the conversation is over. */
  get outcomes(): ProofOutcome[] {
    return this.#probes.map(({ target, outcome }) =>
      // Whatever came back: as long as it leaks, the VIP's traffic is in danger.
      this.#leaks.has(`${target.mac} ${target.vip}`) ? { verdict: "leaks" } : outcome!
    );
  }

  #hearNeighbor({ operation, senderMac, senderAddress, targetAddress }: NeighborPacket): void {
    if (operation === "request") {
      this.#leaks.add(`${senderMac} ${senderAddress}`);
    } else if (targetAddress === this.#address) {
      for (const probe of this.#probes) {
        if (probe.target.server === senderAddress) probe.takesSource = true;
      }
    }
  }

  #hearSegment(segment: TcpSegment): void {
    // Older kernels show us what we have sent ourselves.
    if (segment.mac === this.#wire.mac) return;
    if (segment.source === this.#address) {
      // Our own SYN once more: somebody has passed it on.
      const probe = this.#asked.get(segment.sourcePort)?.probe;
      if (probe !== undefined) noteForwarding(probe);
      return;
    }
    const asked = this.#asked.get(segment.destinationPort);
    if (asked === undefined || segment.destination !== this.#address) return;
    if (segment.acknowledgment !== (asked.sequence + 1) >>> 0) return;
    const isSynAck = (segment.flags & (Flag.SYN | Flag.ACK)) === (Flag.SYN | Flag.ACK);
    if (!isSynAck && (segment.flags & Flag.RST) === 0) return;
    const { target } = asked.probe;
    if (isSynAck) this.#sendReset(segment, target);
    const { probe } = asked;
    if (asked.ttl === TTL_CONTAINER && segment.mac !== target.mac && !probe.hasForwarded) {
      // Another host may have the VIP, or the answer to the first SYN was lost, and it answers by a second interface.
      if (probe.doubt !== "none") return;
      probe.doubt = "raised";
      probe.nextAtMs = 0;
      return;
    }
    probe.outcome ??= outcomeOfAnswer(segment, asked);
  }

  #hearIcmp({ meaning, source, identifier, code, quoted }: IcmpMessage): void {
    if (meaning === "echo_reply") {
      const probe = this.#asked.get(identifier)?.probe;
      if (probe !== undefined && probe.target.vip === source) probe.answersPing = true;
      return;
    }
    if (quoted === null || quoted.source !== this.#address) return;
    const asked = this.#asked.get(quoted.sourcePort);
    if (asked === undefined || asked.probe.outcome !== null) return;
    const { probe } = asked;
    if (meaning === "expired") {
      noteForwarding(probe);
      if (asked.ttl === TTL_CONTAINER) {
        probe.outcome = { verdict: "forwards" };
      } else if (probe.syns === 1) {
        // It may forward to a container of its own, which is as good as owning the VIP.
        probe.nextAtMs = 0;
      }
    } else if (meaning === "redirect") {
      noteForwarding(probe);
    } else if (meaning === "unroutable") {
      probe.outcome = { verdict: "forwards" };
    } else if (meaning === "rejected") {
      probe.outcome = { verdict: "rejected", code };
    }
  }

  #sendSyn(probe: Probe, nowMs: number, ttl: number): void {
    const { target } = probe;
    const sequence = crypto.getRandomValues(new Uint32Array(1))[0]!;
    const sourcePort = this.#askedBy({ probe, sequence, ttl });
    this.#wire.sendSegment(this.#head(target, ttl), {
      sourcePort,
      destinationPort: target.port,
      sequence,
      flags: Flag.SYN,
    });
    probe.syns += 1;
    probe.nextAtMs = nowMs + this.#synIntervalMs;
  }

  /** Ends the half-open connection, which would otherwise be kept, and answered again, for a minute. */
  #sendReset(answer: TcpSegment, target: ProofTarget): void {
    this.#wire.sendSegment(this.#head(target, TTL_CONTAINER), {
      sourcePort: answer.destinationPort,
      destinationPort: target.port,
      sequence: answer.acknowledgment,
      flags: Flag.RST,
    });
  }

  /** Asks what tells silence from silence: does it take packets of the probe address, and is the VIP there at all? */
  #diagnose(probe: Probe, nowMs: number): void {
    const { target } = probe;
    this.#wire.ask({ to: target.mac, senderAddress: this.#address, targetAddress: target.server });
    const identifier = this.#askedBy({ probe, sequence: 0, ttl: TTL_OWNER });
    this.#wire.sendEcho(this.#head(target, TTL_OWNER), identifier);
    probe.diagnoses += 1;
    probe.nextAtMs = nowMs + this.#diagnoseIntervalMs;
  }

  #head({ mac, vip }: ProofTarget, ttl: number): PacketHead {
    return { to: mac, source: this.#address, destination: vip, ttl };
  }

  /** Draws a number that no other question bears whose answer is still waited for. */
  #askedBy(question: Question): number {
    for (;;) {
      const drawn = crypto.getRandomValues(new Uint32Array(1))[0]!;
      const number = FIRST_SOURCE_PORT + drawn % SOURCE_PORTS;
      const earlier = this.#asked.get(number);
      if (earlier !== undefined && earlier.probe.outcome === null) continue;
      this.#asked.set(number, question);
      return number;
    }
  }
}

/** Notes a sign that what was sent to the VIP goes on to another host. */
function noteForwarding(probe: Probe): void {
  probe.hasForwarded = true;
  // What another MAC has answered was passed on to it.
  if (probe.doubt !== "none") probe.outcome ??= { verdict: "forwards" };
}

function outcomeOfAnswer(segment: TcpSegment, { probe: { target }, ttl }: Question): ProofOutcome {
  const isThrough = segment.mac !== target.mac;
  // It has passed the SYN on to another host that has the VIP.
  if (ttl === TTL_CONTAINER && isThrough) return { verdict: "forwards" };
  if (segment.source !== target.vip) return { verdict: "wrong_source", source: segment.source };
  if ((segment.flags & Flag.RST) !== 0) return { verdict: "not_listening" };
  return isThrough ? { verdict: "ok_other_mac", mac: segment.mac } : { verdict: "ok" };
}

function outcomeOfSilence({ answersPing, takesSource }: Probe): ProofOutcome {
  if (answersPing) return { verdict: "dropped" };
  return { verdict: takesSource ? "vip_missing" : "source_refused" };
}
