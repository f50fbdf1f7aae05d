/**
 * The heartbeat: pull, forward, push, tick.
 *
 * @module
 */

import { type ConnectionTable, NONE } from "./connection_table.ts";
import type { Forwarder } from "./forward.ts";
import type { FramePort } from "./frame_port.ts";
import type { FrameRing } from "./frame_ring.ts";
import type { ConnectionScheduler } from "./schedule.ts";
import type { SendQueue } from "./send_queue.ts";
import { HELD, LAST_SENT, Verdict, VERDICTS } from "./verdict.ts";

/**
 * Most frames of one breath. Between two breaths the kernel has the caches to itself, and what is done first takes
 * long: many frames share that, and the cost of a system call.
 */
export const BATCH_FRAMES = 128;
/** Time between ticks. */
export const TICK_MS = 100;
/** Answers the director itself may give in one tick, ARP not counted: 1,000 a second, as Linux does for ICMP. */
const ANSWERS_PER_TICK = 100;
/** Slots swept in one breath: some 10 microseconds. */
const SWEEP_SLOTS_PER_BREATH = 4096;
/** Slots swept after one tick at the most: some 1 % of the time. A table of a million is gone through in 0.6 s. */
const SWEEP_SLOTS_PER_TICK = 1 << 18;

/** What an engine moves frames between. */
export interface EngineParts {
  readonly port: FramePort;
  readonly ring: FrameRing;
  readonly queue: SendQueue;
  readonly forwarder: Forwarder;
  readonly connections: ConnectionTable;
  readonly scheduler: ConnectionScheduler;
  /** Everything that is to happen every {@linkcode TICK_MS}. */
  readonly onTick: (nowMs: number) => void;
}

export class Engine {
  /** Frames by verdict number. */
  readonly verdicts = new Float64Array(VERDICTS.length);
  readonly #port: FramePort;
  readonly #ring: FrameRing;
  readonly #queue: SendQueue;
  readonly #forwarder: Forwarder;
  readonly #connections: ConnectionTable;
  readonly #scheduler: ConnectionScheduler;
  readonly #onTick: (nowMs: number) => void;
  #nextTickMs = 0;
  #slotsToSweep = 0;

  constructor(parts: EngineParts) {
    this.#port = parts.port;
    this.#ring = parts.ring;
    this.#queue = parts.queue;
    this.#forwarder = parts.forwarder;
    this.#connections = parts.connections;
    this.#scheduler = parts.scheduler;
    this.#onTick = parts.onTick;
  }

  /**
   * Handles what has arrived. Hot path.
   *
   * @returns Frames received.
   */
  breathe(nowMs: number): number {
    // Pull.
    const received = this.#port.receive(this.#ring, BATCH_FRAMES);

    // Forward.
    this.#forwarder.lookAhead(received);
    for (let index = 0; index < received; index++) {
      this.#forward(this.#ring.order[index]!, nowMs);
      // Fragments that waited for this one.
      for (let held = this.#forwarder.nextHeld(); held !== NONE; held = this.#forwarder.nextHeld()) {
        this.#forward(held, nowMs);
      }
    }

    // Push.
    this.#queue.flush();

    // Tick.
    if (nowMs >= this.#nextTickMs) this.#tick(nowMs);
    if (this.#slotsToSweep > 0) this.#sweep(nowMs);
    return received;
  }

  #forward(slot: number, nowMs: number): void {
    const verdict = this.#forwarder.forwardFrame(slot, nowMs);
    if (verdict === HELD) return;
    this.verdicts[verdict]! += 1;
    if (verdict <= LAST_SENT) this.#queue.add(slot);
  }

  /** Milliseconds it may sleep before the next tick; 0 while there is work left. */
  idleMs(nowMs: number): number {
    return this.#slotsToSweep > 0 ? 0 : Math.max(0, this.#nextTickMs - nowMs);
  }

  #tick(nowMs: number): void {
    this.#nextTickMs = nowMs + TICK_MS;
    this.#slotsToSweep = Math.min(this.#connections.slotCount, SWEEP_SLOTS_PER_TICK);
    this.#forwarder.allowAnswers(ANSWERS_PER_TICK);
    this.verdicts[Verdict.DroppedFragment]! += this.#forwarder.expireHeld(nowMs);
    this.#onTick(nowMs);
  }

  #sweep(nowMs: number): void {
    const slots = Math.min(this.#slotsToSweep, SWEEP_SLOTS_PER_BREATH);
    this.#connections.sweep(nowMs, slots, this.#scheduler);
    this.#slotsToSweep -= slots;
  }
}
