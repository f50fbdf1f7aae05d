/**
 * What a frame costs in the forwarding path alone: the engine and all it calls, between a port that has nothing but
 * memory behind it. What that port takes is measured as well, and taken off.
 *
 * @module
 */

import { BATCH_FRAMES } from "../../datapath/engine.ts";
import type { FramePort, PortStatistics } from "../../datapath/frame_port.ts";
import { FrameRing } from "../../datapath/frame_ring.ts";
import { Verdict } from "../../datapath/verdict.ts";
import { bytesPerRepetition } from "../allocation_meter.ts";
import { ACK, SYN } from "../datapath/fixture.ts";
import { tcpFrame } from "../datapath/frame_builder.ts";
import { ACK6, SYN6 } from "../datapath/ipv6_fixture.ts";
import { tcp6Frame } from "../datapath/ipv6_frame_builder.ts";
import { TestNetwork } from "../datapath/test_network.ts";
import { type Finding, progress, runBench } from "./report.ts";

const WARM_UP_FRAMES = 1_000_000;
/** The least of so many short rounds counts: other programs only ever make it slower. */
const ROUNDS = 60;
const FRAMES = 64_000;
/** Frames of a round in which allocations are counted; the meter's own, some 200 bytes a round, are among them. */
const METERED_FRAMES = 200_000;
/** A million frames a second. */
const BREATHS_PER_MS = 16;
/** Rounded to two digits, this is 0.00. */
const LEAST_BYTES = 0.005;

/** Bytes from the start of a frame that forwarding may change; a multiple of four. */
const REWRITTEN_BYTES = 28;
/** Ports of a client, before it gets another address. */
const PORTS = 64;

interface Load {
  readonly what: string;
  readonly frame: Uint8Array;
  /** Where the last two bytes of the client's address are, and its port. */
  readonly clientOffset: number;
  readonly portOffset: number;
  /** Connections by turns. */
  readonly connections: number;
  readonly maxConnections: number;
  /** Opens one; without it `frame` does. */
  readonly opening?: Uint8Array;
}

const IPV4 = { clientOffset: 28, portOffset: 34 };
const IPV6 = { clientOffset: 36, portOffset: 54 };
const FEW = { connections: 256, maxConnections: 1_000 };
const MANY = { connections: 10_000, maxConnections: 20_000 };
/** More than there is room for: those that are half open make room. */
const ENDLESS = { connections: 1 << 20, maxConnections: 10_000 };

const LOADS: readonly Load[] = [
  { what: "IPv4, 256 connections", frame: tcpFrame(ACK), opening: tcpFrame(SYN), ...IPV4, ...FEW },
  { what: "IPv6, 256 connections", frame: tcp6Frame(ACK6), opening: tcp6Frame(SYN6), ...IPV6, ...FEW },
  { what: "IPv4, 10,000 connections", frame: tcpFrame(ACK), opening: tcpFrame(SYN), ...IPV4, ...MANY },
  { what: "IPv6, 10,000 connections", frame: tcp6Frame(ACK6), opening: tcp6Frame(SYN6), ...IPV6, ...MANY },
  { what: "IPv4, a new connection each", frame: tcpFrame(SYN), ...IPV4, ...ENDLESS },
];

/** Delivers the same frame from one client after the other, without end. */
class MemoryLoop implements FramePort {
  readonly #load: Load;
  readonly #template: DataView;
  #next = 0;

  constructor(load: Load) {
    this.#load = load;
    this.#template = new DataView(load.frame.slice().buffer);
  }

  /** Puts the frame into every slot: {@linkcode receive} brings only those bytes up to date that change. */
  fill(ring: FrameRing, frame: Uint8Array): void {
    for (let slot = 0; slot < BATCH_FRAMES; slot++) {
      ring.frames[slot]!.set(frame);
      ring.lengths[slot] = frame.length;
    }
  }

  receive(ring: FrameRing, limit: number): number {
    const { clientOffset, portOffset, connections } = this.#load;
    for (let slot = 0; slot < limit; slot++) {
      const at = FrameRing.frameAt(slot);
      for (let offset = 0; offset < REWRITTEN_BYTES; offset += 4) {
        ring.view.setInt32(at + offset, this.#template.getInt32(offset));
      }
      this.#next = this.#next + 1 === connections ? 0 : this.#next + 1;
      ring.view.setUint16(at + clientOffset, this.#next / PORTS);
      ring.view.setUint16(at + portOffset, 1_024 + this.#next % PORTS);
    }
    return limit;
  }

  transmit(): void {}

  wait(): void {}

  statistics(): PortStatistics {
    return { captureDrops: 0, transmitErrors: 0 };
  }

  close(): void {}
}

function measureLoad(load: Load): Finding {
  const port = new MemoryLoop(load);
  const network = new TestNetwork({ port, maxConnections: load.maxConnections });
  let breaths = 0;
  const breathe = (frames: number) => {
    for (let left = frames; left > 0; left -= BATCH_FRAMES) {
      network.engine.breathe((breaths / BREATHS_PER_MS) | 0);
      breaths += 1;
    }
  };
  const receive = (frames: number) => {
    for (let left = frames; left > 0; left -= BATCH_FRAMES) port.receive(network.ring, BATCH_FRAMES);
  };
  if (load.opening !== undefined) {
    port.fill(network.ring, load.opening);
    breathe(load.connections);
  }
  port.fill(network.ring, load.frame);
  const nanoseconds = leastNanoseconds(breathe) - leastNanoseconds(receive);
  const bytes = bytesPerRepetition(breathe, METERED_FRAMES);
  const forwarded = network.engine.verdicts[Verdict.Forwarded]!;
  if (forwarded !== breaths * BATCH_FRAMES) {
    throw new Error(`Only ${forwarded} of ${breaths * BATCH_FRAMES} frames were forwarded`);
  }
  progress(`${load.what}: ${nanoseconds.toFixed(1)} ns, ${bytes.toFixed(2)} bytes`);
  return {
    what: `the forwarding path alone: ${load.what}`,
    result: `${nanoseconds.toFixed(0)} ns and ${bytes.toFixed(2)} bytes allocated per frame`,
    bar: { wanted: "0 bytes", isMet: bytes < LEAST_BYTES },
    figures: { nanoseconds, bytes },
  };
}

/** Nanoseconds a frame in the quickest round. */
function leastNanoseconds(run: (frames: number) => void): number {
  run(WARM_UP_FRAMES);
  return Math.min(...Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now();
    run(FRAMES);
    return (performance.now() - startedAt) * 1e6 / FRAMES;
  }));
}

if (import.meta.main) await runBench(() => LOADS.map(measureLoad));
