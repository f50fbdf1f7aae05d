/**
 * A frame must not cost memory: garbage is collected in pauses, and frames are lost in them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { BATCH_FRAMES } from "../../datapath/engine.ts";
import type { FramePort, PortStatistics } from "../../datapath/frame_port.ts";
import type { FrameRing } from "../../datapath/frame_ring.ts";
import { Verdict } from "../../datapath/verdict.ts";
import { bytesPerRepetition, keep } from "../allocation_meter.ts";
import { ACK, ARP_REQUEST, PING, QUERY, SYN } from "./fixture.ts";
import { arpFrame, countingBytes, Flag, icmpFrame, ipv4Frame, tcpFrame, udpFrame } from "./frame_builder.ts";
import { ICMP_FIXTURES } from "./icmp_fixtures.ts";
import { Port, SERVER, SERVER_MAC, service, TestNetwork } from "./test_network.ts";

/** A host that has been up for a hundred days: V8 keeps numbers from 2^31 on in objects of their own. */
const LONG_UPTIME_MS = 100 * 24 * 3_600_000;

const IDENTIFICATION_OFFSET = 18;
const CLIENT_OFFSET = 26;
const SOURCE_PORT_OFFSET = 34;

/** Delivers one frame, or two by turns, for ever, from another client each time if it is to. */
class RepeatingPort implements FramePort {
  sent = 0;
  readonly #frames: readonly Uint8Array[];
  readonly #clients: number;
  readonly #disturb: ((ring: FrameRing) => void) | undefined;
  #next = 0;

  /** @param clients Frames until the first client's turn comes again. */
  constructor(frames: readonly Uint8Array[], clients: number, disturb?: (ring: FrameRing) => void) {
    this.#frames = frames;
    this.#clients = clients;
    this.#disturb = disturb;
  }

  receive(ring: FrameRing, limit: number): number {
    for (let slot = 0; slot < limit; slot++) {
      const target = ring.frames[slot]!;
      const turn = slot % this.#frames.length;
      target.set(this.#frames[turn]!);
      ring.lengths[slot] = this.#frames[turn]!.length;
      if (this.#clients > 1) {
        if (turn === 0) this.#next = this.#next + 1 === this.#clients ? 0 : this.#next + 1;
        target[IDENTIFICATION_OFFSET] = this.#next >>> 8;
        target[IDENTIFICATION_OFFSET + 1] = this.#next;
        target[CLIENT_OFFSET + 2] = this.#next >>> 14;
        target[CLIENT_OFFSET + 3] = (this.#next >>> 6) & 255;
        target[SOURCE_PORT_OFFSET] = this.#next & 63;
      }
    }
    this.#disturb?.(ring);
    return limit;
  }

  transmit(_ring: FrameRing, _slots: Int32Array, count: number): void {
    this.sent = (this.sent + count) | 0;
  }

  wait(): void {}

  statistics(): PortStatistics {
    return { captureDrops: 0, transmitErrors: 0 };
  }

  close(): void {}
}

interface Load {
  readonly description: string;
  readonly frame: Uint8Array;
  /** Comes after each `frame`, from the same client. */
  readonly follower?: Uint8Array;
  readonly verdict: keyof typeof Verdict;
  /** @default 1 */
  readonly clients?: number;
  readonly network?: { readonly services?: Parameters<typeof service>[2]; readonly maxConnections?: number };
  /** Opens the connection first, once for each client. */
  readonly opening?: Uint8Array;
  readonly isRateLimited?: boolean;
}

const FRAGMENT = ipv4Frame(
  { ...QUERY, moreFragments: true },
  17,
  udpFrame({ ...QUERY, payload: countingBytes(1_472) }).slice(34),
);
const LATER_FRAGMENT = ipv4Frame({ ...QUERY, fragmentOffset: 185 }, 17, countingBytes(600));

const LOADS: readonly Load[] = [
  { description: "one connection", opening: tcpFrame(SYN), frame: tcpFrame(ACK), verdict: "Forwarded" },
  {
    description: "10,000 connections",
    opening: tcpFrame(SYN),
    frame: tcpFrame({ ...ACK, payload: countingBytes(512) }),
    verdict: "Forwarded",
    clients: 10_000,
    network: { maxConnections: 20_000 },
  },
  {
    description: "merged segments with partial checksums",
    opening: tcpFrame(SYN),
    frame: tcpFrame({ ...ACK, payload: countingBytes(9_000), checksum: "partial" }),
    verdict: "Forwarded",
  },
  {
    description: "a new connection each, half-open ones making room",
    frame: tcpFrame(SYN),
    verdict: "Forwarded",
    clients: 1 << 20,
    network: { maxConnections: 10_000 },
  },
  ...(["rr", "wlc", "sh", "mh"] as const).map((scheduler): Load => ({
    description: `a new persistent connection each, with ${scheduler}`,
    frame: tcpFrame(SYN),
    verdict: "Forwarded",
    clients: 1 << 20,
    network: {
      services: { scheduler, persistenceMs: 300_000, persistencePrefix: 24 },
      maxConnections: 10_000,
    },
  })),
  {
    description: "one connection opened and reset over and over",
    opening: tcpFrame({ ...ACK, flags: Flag.RST }),
    frame: tcpFrame(SYN),
    verdict: "Forwarded",
  },
  { description: "datagrams", frame: udpFrame(QUERY), verdict: "Forwarded", clients: 5_000 },
  {
    description: "datagrams to cut",
    frame: udpFrame({ ...QUERY, dontFragment: false, payload: countingBytes(3_000) }),
    verdict: "ForwardedInFragments",
  },
  {
    description: "datagrams too large and not to be cut",
    frame: udpFrame({ ...QUERY, payload: countingBytes(3_000) }),
    verdict: "AnsweredTooBig",
  },
  {
    description: "fragments in order",
    frame: FRAGMENT,
    follower: LATER_FRAGMENT,
    verdict: "Forwarded",
    clients: 1 << 16,
  },
  {
    description: "fragments in reverse order",
    frame: LATER_FRAGMENT,
    follower: FRAGMENT,
    verdict: "Forwarded",
    clients: 1 << 16,
  },
  {
    description: "fragments without a first one",
    frame: LATER_FRAGMENT,
    verdict: "DroppedFragment",
    clients: 1 << 16,
  },
  {
    description: "datagrams of a one-packet service",
    frame: udpFrame({ ...QUERY, destinationPort: Port.ONE_PACKET }),
    verdict: "Forwarded",
    clients: 1 << 20,
  },
  { description: "ARP requests for the VIP", frame: arpFrame(ARP_REQUEST), verdict: "AnsweredArp" },
  {
    description: "ARP packets of a real server",
    frame: arpFrame({ ...ARP_REQUEST, senderAddress: SERVER, senderMac: SERVER_MAC, targetAddress: SERVER }),
    verdict: "LearntNeighbor",
  },
  { description: "pings", frame: icmpFrame(PING), verdict: "AnsweredEcho" },
  {
    description: "ICMP errors about a connection",
    opening: tcpFrame(SYN),
    frame: ICMP_FIXTURES[0]!.frame,
    verdict: "ForwardedIcmp",
  },
  { description: "segments of no connection", frame: tcpFrame(ACK), verdict: "AnsweredReset" },
  {
    description: "datagrams without a service",
    frame: udpFrame({ ...QUERY, destinationPort: 9 }),
    verdict: "AnsweredUnreachable",
  },
  {
    description: "answers that are due too often",
    frame: tcpFrame(ACK),
    verdict: "DroppedRateLimited",
    isRateLimited: true,
  },
  {
    description: "packets for others",
    frame: tcpFrame({ ...SYN, destination: "203.0.113.1" }),
    verdict: "IgnoredNotVip",
  },
  {
    description: "malformed frames",
    frame: tcpFrame({ ...SYN, totalLength: 9 }),
    verdict: "DroppedMalformed",
  },
];

for (const load of LOADS) {
  Deno.test(`breathe() allocates nothing: ${load.description}: ${load.verdict}`, () => {
    const { network, breathe } = loaded(load);
    const before = network.engine.verdicts[Verdict[load.verdict]]!;
    const bytes = bytesPerRepetition(breathe);
    assert.ok(network.engine.verdicts[Verdict[load.verdict]]! > before + 200_000);
    assert.ok(bytes < 1, `${bytes} bytes a frame`);
  });
}

Deno.test("an allocation of one view a frame would be seen", () => {
  const { breathe } = loaded(LOADS[0]!, (ring) => {
    for (let slot = 0; slot < BATCH_FRAMES; slot++) keep(ring.arena.subarray(slot));
  });
  assert.ok(bytesPerRepetition(breathe) > 50);
});

/** A director under a load, and a loop that makes it take some frames. */
function loaded(
  { frame, follower, opening, clients = 1, network: options, isRateLimited = false }: Load,
  disturb?: (ring: FrameRing) => void,
): { network: TestNetwork; breathe: (frames: number) => void } {
  const port = new RepeatingPort(follower === undefined ? [frame] : [frame, follower], clients, disturb);
  const network = new TestNetwork({
    port,
    ...(options?.maxConnections !== undefined && { maxConnections: options.maxConnections }),
    ...(options?.services !== undefined && { services: [service(6, Port.WEB, options.services)] }),
  });
  let nowMs = LONG_UPTIME_MS;
  // Counters of a director that has been busy for as long.
  network.engine.verdicts.fill(2 ** 33);
  network.destinations.packets.fill(2 ** 33);
  network.destinations.bytes.fill(2 ** 43);
  network.destinations.connections.fill(2 ** 33);
  network.neighbors.reconcile(new Set([SERVER]), nowMs);
  if (opening !== undefined) openConnections(network, opening, clients, nowMs);
  const breathe = (frames: number) => {
    for (let left = frames; left > 0; left -= BATCH_FRAMES) {
      network.engine.breathe(nowMs);
      network.forwarder.allowAnswers(isRateLimited ? 0 : BATCH_FRAMES);
      nowMs += 1;
    }
  };
  return { network, breathe };
}

function openConnections(network: TestNetwork, opening: Uint8Array, clients: number, nowMs: number): void {
  const port = new RepeatingPort([opening], clients);
  for (let opened = 0; opened < clients; opened += BATCH_FRAMES) {
    port.receive(network.ring, BATCH_FRAMES);
    for (let slot = 0; slot < BATCH_FRAMES; slot++) network.forwarder.forwardFrame(slot, nowMs);
  }
}
