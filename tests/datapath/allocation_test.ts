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
import { UNTAGGED } from "../../datapath/wire/ethernet.ts";
import { bytesPerRepetition, keep } from "../allocation_meter.ts";
import { type Load, LOADS } from "./allocation_loads.ts";
import { Next } from "./ipv6_frame_builder.ts";
import { Port, SERVER, SERVER6, service, TestNetwork } from "./test_network.ts";

/** A host that has been up for a hundred days: V8 keeps numbers from 2^31 on in objects of their own. */
const LONG_UPTIME_MS = 100 * 24 * 3_600_000;

/** Where a frame says whose it is: bytes that may differ from client to client. */
interface Places {
  readonly identification: number;
  /** The last two bytes of the client's address. */
  readonly client: number;
  readonly sourcePort: number;
}

function placesIn(frame: Uint8Array): Places {
  const isTagged = frame[12] === 0x81 && frame[13] === 0;
  const ip = isTagged ? 18 : 14;
  if (frame[ip]! >>> 4 === 4) return { identification: ip + 4, client: ip + 14, sourcePort: ip + 20 };
  const isFragment = frame[ip + 6] === Next.FRAGMENT;
  // Of a whole packet over IPv6, the identification is set where the port is: that comes last.
  const transport = ip + 40 + (isFragment ? 8 : 0);
  return { identification: isFragment ? transport - 2 : transport, client: ip + 22, sourcePort: transport };
}

/** Delivers one frame, or two by turns, for ever, from another client each time if it is to. */
class RepeatingPort implements FramePort {
  sent = 0;
  readonly #frames: readonly Uint8Array[];
  readonly #clients: number;
  readonly #places: readonly Places[];
  readonly #disturb: ((ring: FrameRing) => void) | undefined;
  #next = 0;

  /** @param clients Frames until the first client's turn comes again. */
  constructor(frames: readonly Uint8Array[], clients: number, disturb?: (ring: FrameRing) => void) {
    this.#frames = frames;
    this.#places = frames.map(placesIn);
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
        const { identification, client, sourcePort } = this.#places[turn]!;
        target[identification] = this.#next >>> 8;
        target[identification + 1] = this.#next;
        target[client] = this.#next >>> 14;
        target[client + 1] = (this.#next >>> 6) & 255;
        target[sourcePort] = this.#next & 63;
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
  network.neighbors.reconcile([SERVER, SERVER6].map((address) => ({ address, vlan: UNTAGGED })), nowMs);
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
